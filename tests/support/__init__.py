"""What several folders of tests share.

PYTEST_DONT_REWRITE: this module has no assertions, and a plugin given with ``-p`` may import it before the
conftest asks for the modules below to be rewritten, about which pytest would warn.
"""
