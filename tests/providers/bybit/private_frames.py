"""Captured and documented private frames and rows (exchanges.md B8), and builders of others."""

from __future__ import annotations

from typing import Any

import msgspec

SPOT_EXECUTION = (
    b'{"topic":"execution.spot","id":"100401071-20000-1253141306","creationTime":1699764599843,"data":[{"category":"spot",'
    b'"symbol":"BTCUSDT","closedSize":"","execFee":"0.000000306","execId":"2100000000047469164","execPrice":"32635.00",'
    b'"execQty":"0.000306","execType":"Trade","execValue":"9.98631000","feeRate":"0.001","tradeIv":"","markIv":"",'
    b'"blockTradeId":"","markPrice":"","indexPrice":"","underlyingPrice":"","leavesQty":"0.000000",'
    b'"orderId":"1552132392821724672","orderLinkId":"1552132392821724673","orderPrice":"0","orderQty":"0.000000",'
    b'"orderType":"Market","stopOrderType":"","side":"Buy","execTime":"1699764599837","isLeverage":"0","isMaker":false,'
    b'"seq":1253141306}]}'
)
SPOT_ORDER = (
    b'{"topic":"order.spot","id":"100401071-20000-1253141306","creationTime":1699764599843,"data":[{"category":"spot",'
    b'"symbol":"BTCUSDT","orderId":"1552132392821724672","orderLinkId":"1552132392821724673","blockTradeId":"",'
    b'"side":"Buy","positionIdx":0,"orderStatus":"PartiallyFilledCanceled","cancelType":"UNKNOWN",'
    b'"rejectReason":"EC_CancelForNoFullFill","timeInForce":"IOC","isLeverage":"0","price":"0","qty":"10.000000",'
    b'"avgPrice":"32635","leavesQty":"0.000000","leavesValue":"0.01369000","cumExecQty":"0.000306",'
    b'"cumExecValue":"9.98631000","cumExecFee":"0.000000306","orderType":"Market","stopOrderType":"","orderIv":"",'
    b'"triggerPrice":"0.00","takeProfit":"0.00","stopLoss":"0.00","triggerBy":"","tpTriggerBy":"","slTriggerBy":"",'
    b'"triggerDirection":0,"placeType":"","lastPriceOnCreated":"32634.91","closeOnTrigger":false,"reduceOnly":false,'
    b'"smpGroup":0,"smpType":"None","smpOrderId":"","createdTime":"1699764599837","updatedTime":"1699764599841",'
    b'"feeCurrency":"BTC"}]}'
)
WALLET = (
    b'{"id":"100401071d62a16b0-cc3a-41d7-b473-086b6cde0036","topic":"wallet","creationTime":1699764599844,"data":[{'
    b'"accountIMRate":"0","accountMMRate":"0","totalEquity":"100.27419876","totalWalletBalance":"99.70879947","coin":[{'
    b'"coin":"BTC","equity":"0.0003058","usdValue":"11.30798592","walletBalance":"0.0003058",'
    b'"availableToWithdraw":"0.0003058","availableToBorrow":"","borrowAmount":"0","accruedInterest":"0",'
    b'"totalOrderIM":"0","totalPositionIM":"0","totalPositionMM":"0","unrealisedPnl":"0","cumRealisedPnl":"-0.00000619",'
    b'"bonus":"0","collateralSwitch":true,"marginCollateral":true,"locked":"0"}],"accountLTV":"0",'
    b'"accountType":"UNIFIED"}]}'
)
LINEAR_EXECUTION = (
    b'{"topic":"execution","id":"386825804_BTCUSDT_140612148849382","creationTime":1746270400355,"data":[{'
    b'"category":"linear","symbol":"BTCUSDT","closedSize":"0.5","execFee":"26.3725275",'
    b'"execId":"0ab1bdf7-4219-438b-b30a-32ec863018f7","execPrice":"95900.1","execQty":"0.5","execType":"Trade",'
    b'"execValue":"47950.05","feeRate":"0.00055","tradeIv":"","markIv":"","blockTradeId":"","markPrice":"95901.48",'
    b'"indexPrice":"","underlyingPrice":"","leavesQty":"0","orderId":"9aac161b-8ed6-450d-9cab-c5cc67c21784",'
    b'"orderLinkId":"","orderPrice":"94942.5","orderQty":"0.5","orderType":"Market","stopOrderType":"UNKNOWN",'
    b'"side":"Sell","execTime":"1746270400353","isLeverage":"0","isMaker":false,"seq":140612148849382,"marketUnit":"",'
    b'"execPnl":"0.05","createType":"CreateByUser","feeCurrency":"USDT"}]}'
)
LINEAR_POSITION = (
    b'{"id":"1003076014fb7eedb-c7e6-45d6-a8c1-270f0169171a","topic":"position","creationTime":1697682317044,"data":[{'
    b'"positionIdx":2,"tradeMode":0,"riskId":1,"riskLimitValue":"2000000","symbol":"BTCUSDT","side":"","size":"0",'
    b'"entryPrice":"0","leverage":"10","breakEvenPrice":"93556.73034991","positionValue":"0","positionBalance":"0",'
    b'"markPrice":"28184.5","positionIM":"0","positionIMByMp":"0","positionMM":"0","positionMMByMp":"0","takeProfit":"0",'
    b'"stopLoss":"0","trailingStop":"0","unrealisedPnl":"0","curRealisedPnl":"1.26","cumRealisedPnl":"-25.06579337",'
    b'"sessionAvgPrice":"0","createdTime":"1694402496913","updatedTime":"1697682317038","tpslMode":"Full",'
    b'"liqPrice":"0","bustPrice":"","category":"linear","positionStatus":"Normal","adlRankIndicator":0,"autoAddMargin":0,'
    b'"leverageSysUpdatedTime":"","mmrSysUpdatedTime":"","seq":8327597863,"isReduceOnly":false}]}'
)

ORDER: dict[str, Any] = {
    "category": "linear", "symbol": "BTCUSDT", "orderId": "v1", "orderLinkId": "c1", "side": "Buy", "orderType": "Limit",
    "orderStatus": "New", "qty": "2", "price": "100.5", "cumExecQty": "0", "cumExecValue": "0", "timeInForce": "GTC",
    "triggerPrice": "", "updatedTime": "1700000000000", "createdTime": "1700000000000",
}  # fmt: skip
EXECUTION: dict[str, Any] = {
    "category": "linear", "symbol": "BTCUSDT", "orderId": "v1", "orderLinkId": "c1", "side": "Buy", "orderType": "Limit",
    "execId": "t1", "execType": "Trade", "execPrice": "100.5", "execQty": "0.5", "execFee": "0.01", "orderQty": "2",
    "orderPrice": "100.5", "execTime": "1700000000000", "isMaker": True, "feeCurrency": "USDT",
}  # fmt: skip
POSITION: dict[str, Any] = {
    "category": "linear", "symbol": "BTCUSDT", "side": "Buy", "size": "0.5", "positionIdx": 0, "avgPrice": "100",
    "markPrice": "101", "liqPrice": "80", "leverage": "3", "positionBalance": "17",
}  # fmt: skip


def encoded(row: dict[str, Any], **changed: Any) -> bytes:
    """A row as JSON; a value `...` takes the key out."""
    return msgspec.json.encode({key: value for key, value in (row | changed).items() if value is not ...})


def frame(topic: str, *rows: dict[str, Any]) -> bytes:
    """A frame of a private topic."""
    return msgspec.json.encode({"topic": topic, "id": "1", "creationTime": 1700000000001, "data": rows})
