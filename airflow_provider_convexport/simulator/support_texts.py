"""What people and bots write in the simulated conversations, in five languages."""

from __future__ import annotations

from typing import Final, NamedTuple


class Topic(NamedTuple):
    """What a conversation is about.

    :param id: Short identifier.
    :param name: Name of the topic.
    :param intent: Name of the narrower intent.
    :param article: Title of the help article that answers it.
    :param summary: One sentence in English, such as a model writes.
    """

    id: str
    name: str
    intent: str
    article: str
    summary: str


TOPICS: Final = (
    Topic("delivery", "Delivery", "Parcel is late", "When will my parcel arrive?",
          "The customer asked where order {order} is."),
    Topic("returns", "Returns", "Return an item", "How to send something back",
          "The customer wants to return an item of order {order}."),
    Topic("refund", "Refunds", "Refund is missing", "How long a refund takes",
          "The customer has not received the refund for order {order}."),
    Topic("login", "Account", "Cannot sign in", "Reset your password",
          "The customer could not sign in."),
    Topic("invoice", "Billing", "Send an invoice", "Where to find invoices",
          "The customer needs an invoice for order {order}."),
    Topic("cancel", "Orders", "Cancel an order", "Cancel or change an order",
          "The customer wants to cancel order {order}."),
    Topic("damaged", "Complaints", "Item is damaged", "Something arrived broken",
          "An item of order {order} arrived damaged."),
    Topic("address", "Orders", "Change the address", "Cancel or change an order",
          "The customer gave the wrong address for order {order}."),
    Topic("payment", "Billing", "Payment failed", "Ways to pay",
          "The payment for order {order} failed."),
    Topic("stock", "Products", "Item is sold out", "When sold-out items return",
          "The customer asked when an item is available again."),
)  # fmt: skip
"""All topics; the lists of questions and answers of each language are in the same order."""

LANGUAGES: Final = ("en", "de", "es", "fr", "ja")

QUESTIONS: Final[dict[str, tuple[str, ...]]] = {
    "en": (
        "Where is my order {order}? It should have been here on Tuesday.",
        "I would like to send back the jacket from order {order}. How do I do that?",
        "I returned order {order} two weeks ago and still have no money back.",
        "I can't sign in any more, the page says my password is wrong.",
        "Could you send me an invoice for {order}? I need it for my employer.",
        "Please cancel order {order}, I ordered it twice by mistake.",
        "The lamp from order {order} arrived with a broken shade.",
        "I moved last month and order {order} still has my old address.",
        "My card was declined for order {order}, but the bank says everything is fine.",
        "When will the blue backpack be available again?",
    ),
    "de": (
        "Wo bleibt meine Bestellung {order}? Sie sollte am Dienstag da sein.",
        "Ich möchte die Jacke aus Bestellung {order} zurückschicken. Wie geht das?",
        "Ich habe {order} vor zwei Wochen zurückgeschickt und noch kein Geld erhalten.",
        "Ich kann mich nicht mehr anmelden, angeblich ist das Passwort falsch.",
        "Können Sie mir für {order} eine Rechnung schicken? Ich brauche sie für die Firma.",
        "Bitte stornieren Sie Bestellung {order}, ich habe aus Versehen doppelt bestellt.",
        "Die Lampe aus Bestellung {order} kam mit zerbrochenem Schirm an.",
        "Ich bin umgezogen, und bei {order} steht noch die alte Adresse.",
        "Meine Karte wurde bei {order} abgelehnt, laut Bank ist aber alles in Ordnung.",
        "Wann ist der blaue Rucksack wieder lieferbar?",
    ),
    "es": (
        "¿Dónde está mi pedido {order}? Tenía que llegar el martes.",
        "Quiero devolver la chaqueta del pedido {order}. ¿Cómo lo hago?",
        "Devolví el pedido {order} hace dos semanas y aún no tengo el dinero.",
        "No puedo entrar en mi cuenta, dice que la contraseña es incorrecta.",
        "¿Me pueden enviar la factura de {order}? La necesito para mi empresa.",
        "Por favor, cancelen el pedido {order}, lo hice dos veces sin querer.",
        "La lámpara del pedido {order} llegó con la pantalla rota.",
        "Me he mudado y el pedido {order} tiene la dirección antigua.",
        "Rechazaron mi tarjeta en el pedido {order}, pero el banco dice que está bien.",
        "¿Cuándo volverá a estar disponible la mochila azul?",
    ),
    "fr": (
        "Où est ma commande {order} ? Elle devait arriver mardi.",
        "Je voudrais renvoyer la veste de la commande {order}. Comment faire ?",
        "J'ai renvoyé {order} il y a deux semaines et je ne suis toujours pas remboursé.",
        "Je n'arrive plus à me connecter, le mot de passe serait faux.",
        "Pouvez-vous m'envoyer la facture de {order} ? C'est pour mon employeur.",
        "Merci d'annuler la commande {order}, je l'ai passée deux fois par erreur.",
        "La lampe de la commande {order} est arrivée avec l'abat-jour cassé.",
        "J'ai déménagé et la commande {order} a encore mon ancienne adresse.",
        "Ma carte a été refusée pour {order}, mais ma banque dit que tout va bien.",
        "Quand le sac à dos bleu sera-t-il de nouveau disponible ?",
    ),
    "ja": (
        "注文{order}はどこですか。火曜日に届くはずでした。",
        "注文{order}のジャケットを返品したいです。",
        "注文{order}を二週間前に返品しましたが、まだ返金されていません。",
        "ログインできません。パスワードが違うと表示されます。",
        "注文{order}の領収書を送ってください。",
        "注文{order}をキャンセルしてください。間違えて二回注文しました。",
        "注文{order}のランプが壊れて届きました。",
        "引っ越しました。注文{order}の住所を変更したいです。",
        "注文{order}でカードが使えませんでした。",
        "青いリュックはいつ入荷しますか。",
    ),
}
"""The customer's question about each topic."""

ANSWERS: Final[dict[str, tuple[str, ...]]] = {
    "en": (
        "Order {order} left our warehouse yesterday. It arrives within two working days.",
        "You can return it within 30 days. I have sent you a label by e-mail.",
        "Refunds take up to 14 days after the parcel reaches us.",
        "I have sent you a link with which you can choose a new password.",
        "You find the invoice for {order} in your account, under *Orders*.",
        "Order {order} is cancelled. You will not be charged.",
        "I am sorry about that! We send a new one today, at no cost.",
        "I have changed the address of order {order}.",
        "Please try again, or choose another way to pay. Your basket is still there.",
        "It should be back in about three weeks. Shall I tell you by e-mail?",
    ),
    "de": (
        "Bestellung {order} hat unser Lager gestern verlassen und kommt in zwei Werktagen an.",
        "Sie können sie 30 Tage lang zurückgeben. Das Etikett kommt per E-Mail.",
        "Eine Erstattung dauert bis zu 14 Tage, nachdem das Paket bei uns ist.",
        "Ich habe Ihnen einen Link geschickt, über den Sie ein neues Passwort wählen.",
        "Die Rechnung für {order} finden Sie in Ihrem Konto unter *Bestellungen*.",
        "Bestellung {order} ist storniert. Es wird nichts abgebucht.",
        "Das tut mir leid! Wir schicken heute kostenlos Ersatz.",
        "Ich habe die Adresse von {order} geändert.",
        "Bitte versuchen Sie es noch einmal oder mit einer anderen Zahlungsart.",
        "In etwa drei Wochen. Soll ich Ihnen dann schreiben?",
    ),
    "es": (
        "El pedido {order} salió ayer de nuestro almacén y llega en dos días laborables.",
        "Puede devolverla en 30 días. Le he enviado una etiqueta por correo.",
        "El reembolso tarda hasta 14 días desde que recibimos el paquete.",
        "Le he enviado un enlace para elegir una contraseña nueva.",
        "La factura de {order} está en su cuenta, en *Pedidos*.",
        "El pedido {order} está cancelado. No se le cobrará nada.",
        "¡Lo siento mucho! Hoy le enviamos otra sin coste.",
        "He cambiado la dirección del pedido {order}.",
        "Inténtelo otra vez o elija otra forma de pago.",
        "En unas tres semanas. ¿Quiere que le avise?",
    ),
    "fr": (
        "La commande {order} a quitté notre entrepôt hier et arrive sous deux jours ouvrés.",
        "Vous avez 30 jours pour la rendre. L'étiquette est dans votre boîte mail.",
        "Le remboursement prend jusqu'à 14 jours après réception du colis.",
        "Je vous ai envoyé un lien pour choisir un nouveau mot de passe.",
        "La facture de {order} se trouve dans votre compte, sous *Commandes*.",
        "La commande {order} est annulée. Vous ne serez pas débité.",
        "Je suis désolé ! Nous en renvoyons une aujourd'hui, sans frais.",
        "J'ai changé l'adresse de la commande {order}.",
        "Veuillez réessayer ou choisir un autre moyen de paiement.",
        "Dans trois semaines environ. Voulez-vous être prévenu ?",
    ),
    "ja": (
        "注文{order}は昨日発送しました。二営業日以内に届きます。",
        "30日以内なら返品できます。ラベルをメールでお送りしました。",
        "返金は商品の到着後、最大14日かかります。",
        "新しいパスワードを設定するリンクをお送りしました。",
        "領収書はアカウントの「注文」にあります。",
        "注文{order}をキャンセルしました。請求はありません。",
        "申し訳ございません。本日、無料で交換品をお送りします。",
        "注文{order}の住所を変更しました。",
        "もう一度お試しいただくか、別の支払い方法をお選びください。",
        "約三週間後の予定です。入荷したらお知らせしましょうか。",
    ),
}
"""The bot's answer to each question."""

OPENERS: Final[dict[str, tuple[str, ...]]] = {
    "en": ("", "Hi! ", "Hello, ", "Good morning. "),
    "de": ("", "Hallo! ", "Guten Tag. ", "Moin, "),
    "es": ("", "¡Hola! ", "Buenos días. ", "Buenas, "),
    "fr": ("", "Bonjour. ", "Bonjour ! ", "Salut, "),
    "ja": ("", "こんにちは。", "すみません。", "お世話になります。"),
}
"""How a question begins."""

GREETINGS: Final = {
    "en": "Hi, I am the assistant of this shop. How can I help?",
    "de": "Hallo, ich bin die Assistenz dieses Shops. Wie kann ich helfen?",
    "es": "Hola, soy el asistente de esta tienda. ¿En qué puedo ayudar?",
    "fr": "Bonjour, je suis l'assistant de cette boutique. Que puis-je faire pour vous ?",
    "ja": "こんにちは。ご用件をお聞かせください。",
}
"""What a bot says before anybody has asked."""

THANKS: Final[dict[str, tuple[str, ...]]] = {
    "en": ("Great, thank you!", "Perfect, thanks 🙏", "ok thanks", "That helps, have a nice day."),
    "de": ("Super, vielen Dank!", "Perfekt, danke 🙏", "ok danke", "Das hilft mir, schönen Tag noch."),
    "es": ("¡Genial, gracias!", "Perfecto, gracias 🙏", "vale gracias", "Me sirve, buen día."),
    "fr": ("Super, merci !", "Parfait, merci 🙏", "ok merci", "Très bien, bonne journée."),
    "ja": ("ありがとうございます。", "助かりました🙏", "わかりました", "どうもありがとう。"),
}
"""The customer's second message if the answer helped."""

COMPLAINTS: Final[dict[str, tuple[str, ...]]] = {
    "en": (
        "That does not help. Can I talk to a person?",
        "agent please",
        "You told me that last week!",
        "No.",
    ),
    "de": (
        "Das hilft nicht. Kann ich mit jemandem sprechen?",
        "Mitarbeiter bitte",
        "Das war schon letzte Woche so!",
        "Nein.",
    ),
    "es": (
        "Eso no me ayuda. ¿Puedo hablar con alguien?",
        "agente por favor",
        "¡Me dijeron lo mismo ayer!",
        "No.",
    ),
    "fr": (
        "Cela ne m'aide pas. Puis-je parler à quelqu'un ?",
        "un conseiller svp",
        "On m'a déjà dit ça hier !",
        "Non.",
    ),
    "ja": (
        "解決しません。担当者と話せますか。",
        "オペレーターお願いします",
        "先週も同じことを言われました。",
        "いいえ。",
    ),
}
"""The customer's second message if it did not."""

GOODBYES: Final = {
    "en": "You are welcome! Is there anything else?",
    "de": "Gern geschehen! Kann ich sonst noch etwas tun?",
    "es": "¡De nada! ¿Algo más?",
    "fr": "Avec plaisir ! Autre chose ?",
    "ja": "どういたしまして。ほかにご質問はございますか。",
}
"""The bot's last message to a customer who is content."""

APOLOGIES: Final = {
    "en": "I am sorry that I could not help. You reach us by phone from 8 to 18.",
    "de": "Es tut mir leid, dass ich nicht helfen konnte. Telefonisch sind wir von 8 bis 18 Uhr da.",
    "es": "Siento no haber podido ayudar. Por teléfono estamos de 8 a 18.",
    "fr": "Je suis désolé de ne pas avoir pu vous aider. Par téléphone, nous répondons de 8 h à 18 h.",
    "ja": "お力になれず申し訳ございません。お電話は8時から18時までです。",
}
"""The bot's last message to a customer whom it could not help."""

HANDOVERS: Final = {
    "en": "Hello, this is Maya from the service team. I have read your messages and take care of it.",
    "de": "Guten Tag, hier ist Maya vom Service. Ich habe alles gelesen und kümmere mich darum.",
    "es": "Hola, soy Maya, del equipo de atención. He leído sus mensajes y me encargo.",
    "fr": "Bonjour, ici Maya du service client. J'ai lu vos messages et je m'en occupe.",
    "ja": "担当のマヤです。内容を確認し、対応いたします。",
}
"""The message of a person who takes over."""

AWKWARD: Final = (
    "",
    " ",
    "👍",
    "😡😡😡",
    "👩‍👩‍👧 says thanks",
    "null",
    "N/A",
    "??",
    'She wrote "no refunds", on a page\nthat says\n\t"refunds within 30 days".',
    "C:\\Users\\me\\receipt.pdf",
    "<p>Hello &amp; good day</p>",
    "https://shop.example.com/track?order=4711&lang=en#top",
    "أين طلبي؟",
    "100% wool, 50% off, +49 170 0000000",
    "Zoë, naïve café, Łódź, İstanbul",
    " ".join(["I have been waiting for a very long time, and nobody answers me."] * 30),
)
"""What a few percent of customers write instead: awkward, but text that every reader can read."""
