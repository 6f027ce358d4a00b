"""How shops call their columns."""

import re

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SPLIT = re.compile(r"[^0-9a-z\u0080-\uffff]+")

SAME, KNOWN, PARTLY = 1.0, 0.95, 0.7

SYNONYMS: dict[str, tuple[str, ...]] = {
    "product_id": (
        "id product", "sku", "item id", "itemid", "stock code", "asin", "product code", "article number", "article id",
        "product number", "pid", "handle", "variant sku", "item", "item number", "clothing id", "artikelnummer", "商品id",
    ),
    "title": (
        "name", "product name", "product title", "item name", "item title", "bezeichnung", "nom", "nombre", "标题", "商品名称",
        "description",
    ),
    "description": (
        "long description", "product description", "body html", "body", "details", "summary", "overview", "desc",
        "description html", "short description", "beschreibung", "描述", "about product", "feature",
    ),
    "brand": ("brand name", "vendor", "manufacturer", "maker", "brands", "marke", "品牌", "store"),
    "category": (
        "categories", "category name", "product type", "product category", "department", "department name", "class name",
        "product class", "category hierarchy", "taxonomy", "main category", "kategorie", "类别", "分类", "genre", "type",
    ),
    "price": ("sale price", "regular price", "variant price", "current price", "selling price", "preis", "价格", "amount"),
    "currency": ("currency code", "iso currency", "ccy", "waehrung", "货币"),
    "image_url": ("image", "image link", "img", "img url", "picture", "photo", "thumbnail", "image src", "images", "bild"),
    "gtin": ("ean", "upc", "barcode", "ean13", "isbn", "gtin13", "variant barcode"),
    "colour": ("color", "colour name", "color name", "farbe", "couleur", "颜色"),
    "size": ("sizes", "dimensions", "size name", "groesse", "尺码"),
    "price_text": ("price string", "price label", "list price", "formatted price"),
    "query": ("search query", "search term", "keyword", "keywords", "search", "q", "user query", "phrase", "suchbegriff", "搜索词"),
    "query_id": ("search id", "qid", "request id"),
    "grade": (
        "relevance", "label", "rating", "judgment", "judgement", "score", "relevance grade", "median relevance", "esci label",
        "rel", "relevance score",
    ),
    "grade_variance": ("relevance variance", "variance", "rating variance", "relevance var"),
    "rater_id": ("rater", "annotator", "judge", "annotator id", "worker id", "judge id"),
    "label_source": ("source", "provenance", "label origin"),
    "order_id": (
        "invoice", "invoice no", "order number", "order no", "invoice id", "transaction id", "receipt", "bestellnummer", "订单号",
    ),
    "quantity": ("qty", "count", "units", "item count", "amount", "menge", "数量"),
    "unit_price": ("price", "item price", "price per unit", "lineitem price", "net price", "einzelpreis", "单价"),
    "customer_id": (
        "customer", "user id", "user", "userid", "client id", "member id", "account id", "shopper id", "kundennummer", "用户id",
        "buyer id", "reviewer id",
    ),
    "country": ("ship country", "billing country", "country code", "land", "country name", "国家"),
    "order_time": (
        "invoice date", "order date", "date", "created at", "purchase date", "ordered at", "timestamp", "time", "purchased at",
        "transaction date", "placed at", "bestelldatum", "下单时间",
    ),
    "event_id": ("id", "event uuid", "message id", "uuid", "hit id"),
    "event_type": ("event", "event name", "action", "action name", "type", "behavior", "behaviour", "behavior type", "feedback type"),
    "event_time": ("timestamp", "time", "date", "event timestamp", "created at", "occurred at", "ts", "click time", "datetime"),
    "visitor_id": ("session id", "session", "visitor", "client id", "cookie id", "anonymous id", "user session", "device id"),
    "position": ("rank", "index", "pos", "slot", "item position", "ordinal", "row"),
    "attribution_token": ("token", "impression id", "request id", "search id", "query id", "list id"),
}  # fmt: skip


def normal(name: str) -> str:
    """`InvoiceNo`, `invoice_no` and `INVOICE-NO` alike: lower-case words with single spaces."""
    return " ".join(part for part in _SPLIT.split(_CAMEL.sub(" ", name).lower()) if part)


def likeness(canonical: str, source: str) -> tuple[float, str]:
    """(how much a column's name speaks for a canonical one, 0 to 1; why)."""
    wanted, found = normal(canonical), normal(source)
    if not found:
        return 0.0, ""
    if found.replace(" ", "") == wanted.replace(" ", ""):
        return SAME, "the name is the canonical one"
    plain = found.replace(" ", "")
    for place, synonym in enumerate(SYNONYMS.get(canonical, ())):
        if plain == normal(synonym).replace(" ", ""):
            return KNOWN - 0.005 * place, "shops use the name for it"
    words = set(found.split())
    best = 0.0
    for name in (wanted, *map(normal, SYNONYMS.get(canonical, ()))):
        other = set(name.split())
        share = len(words & other) / len(words | other)
        if len(other) > 1 or len(words & other) == 1:
            best = max(best, share)
    if best >= 1 / 3:
        return PARTLY * best, "the name holds words for it"
    return 0.0, ""
