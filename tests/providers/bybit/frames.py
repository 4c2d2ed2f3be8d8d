"""Captured and documented Bybit v5 frames the tests of this folder share."""

LINEAR_KLINE = (
    b'{"topic":"kline.1.BTCUSDT","data":[{"start":1789470120000,"end":1789470179999,"interval":"1","open":"77257.2",'
    b'"close":"77256.8","high":"77257.2","low":"77256.8","volume":"0.015","turnover":"1158.8555","confirm":false,'
    b'"timestamp":1789470134641}],"ts":1789470134641,"type":"snapshot"}'
)
LINEAR_TRADE = (
    b'{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1758841135824,"data":[{"T":1758841135823,"s":"BTCUSDT",'
    b'"S":"Buy","v":"0.020","p":"109378.90","L":"ZeroPlusTick","i":"2a74ac78-691c-5b54-9dbe-5aafe8364627","BT":false,'
    b'"RPI":false,"seq":457514743450}]}'
)
BOOK_SNAPSHOT = (
    b'{"topic":"orderbook.50.BTCUSDT","type":"snapshot","ts":1789716283128,"data":{"s":"BTCUSDT","b":[["77796.10","3.875"],'
    b'["77796.00","0.028"]],"a":[["77796.20","1.073"],["77798.10","0.287"]],"u":158434480,"seq":811957851583},'
    b'"cts":1789716283126}'
)
SPOT_BOOK_DELTA = (
    b'{"topic":"orderbook.50.BTCUSDT","ts":1731035685345,"type":"delta","data":{"s":"BTCUSDT","b":[["75848.62","0.014895"],'
    b'["75837.13","0"]],"a":[["75848.89","0.088149"],["75851.44","0.078379"],["75852.65","0"]],"u":2876701,'
    b'"seq":47474967823},"cts":1731035685342}'
)
QUOTE_SNAPSHOT = (
    b'{"topic":"orderbook.1.BTCUSDT","type":"snapshot","ts":1758841134603,"data":{"s":"BTCUSDT","b":[["109378.80","1.273"]],'
    b'"a":[["109378.90","6.278"]],"u":14869255,"seq":457514742271},"cts":1758841134598}'
)
TICKER_SNAPSHOT = (
    b'{"topic":"tickers.BTCUSDT","type":"snapshot","data":{"symbol":"BTCUSDT","tickDirection":"PlusTick",'
    b'"price24hPcnt":"0.017103","lastPrice":"17216.00","markPrice":"17217.33","indexPrice":"17227.36",'
    b'"openInterest":"68744.761","openInterestValue":"1183601235.91","nextFundingTime":"1673280000000",'
    b'"fundingRate":"-0.000212","bid1Price":"17215.50"},"cs":24987956059,"ts":1673272861686}'
)
TICKER_DELTA = (
    b'{"topic":"tickers.BTCUSDT","type":"delta","data":{"symbol":"BTCUSDT","lastPrice":"17216.50","markPrice":"17218.01"},'
    b'"cs":24987956060,"ts":1673272861786}'
)
SPOT_ACK = b'{"success":true,"ret_msg":"subscribe","conn_id":"2324d924","req_id":"10001","op":"subscribe"}'
SPOT_PONG = b'{"success":true,"ret_msg":"pong","conn_id":"2324d924","op":"ping"}'
PRIVATE_PONG = b'{"req_id":"test","op":"pong","args":["1675418560633"],"conn_id":"2324d924"}'
BAD_TOPIC = b'{"success":false,"ret_msg":"error:handler not found,topic:ticker:BTCUSDT","conn_id":"..","req_id":"7","op":"subscribe"}'
EVERY_FRAME = (
    LINEAR_KLINE,
    LINEAR_TRADE,
    BOOK_SNAPSHOT,
    SPOT_BOOK_DELTA,
    QUOTE_SNAPSHOT,
    TICKER_SNAPSHOT,
    TICKER_DELTA,
    SPOT_ACK,
    SPOT_PONG,
    PRIVATE_PONG,
    BAD_TOPIC,
)

LINEAR_INSTRUMENT = (
    b'{"symbol":"BTCUSDT","symbolId":5,"contractType":"LinearPerpetual","status":"Trading","baseCoin":"BTC",'
    b'"quoteCoin":"USDT","launchTime":"1585526400000","deliveryTime":"0","deliveryFeeRate":"","priceScale":"2",'
    b'"leverageFilter":{"minLeverage":"1","maxLeverage":"100.00","leverageStep":"0.01"},"priceFilter":{"minPrice":"0.10",'
    b'"maxPrice":"1999999.80","tickSize":"0.10"},"lotSizeFilter":{"maxOrderQty":"1190.000","minOrderQty":"0.001",'
    b'"qtyStep":"0.001","postOnlyMaxOrderQty":"1190.000","maxMktOrderQty":"500.000","minNotionalValue":"5"},'
    b'"unifiedMarginTrade":true,"fundingInterval":480,"settleCoin":"USDT","copyTrading":"both","upperFundingRate":"0.00375",'
    b'"lowerFundingRate":"-0.00375","isPreListing":false,"preListingInfo":null,"riskParameters":{"priceLimitRatioX":"0.01",'
    b'"priceLimitRatioY":"0.02"},"symbolType":""}'
)
SPOT_INSTRUMENT = (
    b'{"symbolId":9,"symbol":"BTCUSDT","baseCoin":"BTC","quoteCoin":"USDT","innovation":"0","status":"Trading",'
    b'"marginTrading":"utaOnly","stTag":"0","lotSizeFilter":{"basePrecision":"0.000001","quotePrecision":"0.0000001",'
    b'"minOrderQty":"0.000011","maxOrderQty":"83","minOrderAmt":"5","maxOrderAmt":"8000000","maxLimitOrderQty":"83",'
    b'"maxMarketOrderQty":"41.5","postOnlyMaxLimitOrderSize":"60000"},"priceFilter":{"tickSize":"0.1"},'
    b'"riskParameters":{"priceLimitRatioX":"0.005","priceLimitRatioY":"0.01"},"symbolType":""}'
)
