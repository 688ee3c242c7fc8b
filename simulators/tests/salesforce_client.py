"""Uses the simulated Salesforce at argv[1] with the private key in the file argv[2]; ends with 0 if all is as it must be."""

import sys
import time
from urllib.parse import urlsplit

import jwt
import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceResourceNotFound,
)
from simple_salesforce.format import format_soql

SIMULATOR, KEY_FILE = sys.argv[1], sys.argv[2]
LEAD, CONVERTED, CONTACT = "00Q5f00000A0001EAB", "00Q5f00000A0003", "0035f00000A0001"
DATA = f"{SIMULATOR}/services/data/v68.0"


class OverHttp(HTTPAdapter):
    """simple_salesforce speaks https only; the simulator, for now, http only."""

    def send(self, request, **options):
        parts = urlsplit(request.url)
        request.url = SIMULATOR + parts.path + (f"?{parts.query}" if parts.query else "")
        return super().send(request, **options)


def log_in(**changes):
    session = requests.Session()
    session.mount("https://", OverHttp())
    settings = {"username": "user@org.example", "consumer_key": "key", "privatekey_file": KEY_FILE, **changes}
    return Salesforce(session=session, version="68.0", **settings)


def refused(kind, call):
    try:
        call()
    except kind as error:
        return error.content
    raise AssertionError(f"expected {kind.__name__}")


def token_error(claims):
    everything = {"iss": "key", "sub": "user@org.example", "aud": "https://login.salesforce.com",
                  "exp": int(time.time()) + 60, **claims}
    with open(KEY_FILE) as file:
        assertion = jwt.encode(everything, file.read(), algorithm="RS256")
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
    answer = requests.post(f"{SIMULATOR}/services/oauth2/token", data=form)
    assert answer.status_code == 400, answer.text
    return answer.json()["error"], answer.json()["error_description"]


def check_tokens():
    for changes in ({"username": "other"}, {"consumer_key": "other"}, {"domain": "test"}):
        try:
            log_in(**changes)
            raise AssertionError(changes)
        except SalesforceAuthenticationFailed:
            pass
    now = int(time.time())
    assert token_error({"exp": now - 1}) == ("invalid_grant", "expired authorization code")
    assert token_error({"exp": now + 600}) == ("invalid_grant", "invalid assertion")
    assert token_error({"exp": now * 1000}) == ("invalid_grant", "invalid assertion")
    assert token_error({"aud": ["https://login.salesforce.com"]}) == ("invalid_grant", "invalid assertion")


def check_queries(salesforce):
    for email in ("test@company.com", "o'brien+x@y.inc", "zoë@müller.example"):
        found = salesforce.query_all(format_soql("SELECT Id, Email FROM Lead WHERE Email IN {}", [email.upper()]))
        assert [row["Email"] for row in found["records"]] == [email], found
    quoted = format_soql("SELECT Id FROM Lead WHERE Email = {}", "a\\b'c\"d\ne")
    assert salesforce.query(quoted)["totalSize"] == 0
    assert salesforce.query("SELECT Id FROM Contact")["done"] is True
    for statement, code in (
        ("SELECT Id FROM Lead WHERE Email = 'o'brien'", "MALFORMED_QUERY"),
        ("SELECT Id, Id FROM Lead", "MALFORMED_QUERY"),
        ("SELECT Shoe__c FROM Lead", "INVALID_FIELD"),
        ("SELECT Id FROM Shoe", "INVALID_TYPE"),
    ):
        errors = refused(SalesforceMalformedRequest, lambda: salesforce.query(statement))
        assert errors[0]["errorCode"] == code, errors
    assert salesforce.Lead.describe()["keyPrefix"] == "00Q"
    assert salesforce.limits()["DailyApiRequests"]["Remaining"] > 0
    assert salesforce.api_usage["api-usage"].total == 100_000


def check_sizes(headers):
    def get(length):
        return requests.get(f"{DATA}/query", params={"q": "x" * length}, headers=headers).status_code

    assert [get(100), get(16_200), get(16_400)] == [400, 431, 414]


def collection(headers, rows):
    body = {"allOrNone": False, "records": rows}
    return requests.patch(f"{DATA}/composite/sobjects", json=body, headers=headers)


def check_collections(headers):
    def row(identifier, kind="Lead", **fields):
        return {"attributes": {"type": kind}, "id": identifier, **fields}

    rows = [
        row(LEAD, Last_Voice_Session__c="room"),
        row("00Q5f00000A0002", Shoe__c="x"),
        row("00Q5f00000A0010", LastModifiedDate="2025-01-01T00:00:00Z"),
        row(CONVERTED, Company="x"),
        row("00Q5f00000A0009", Company="x"),
        row("00Q5f00000A0007", Company="x"),
        row("00Q5f00000A0011", Last_Voice_Session__c="x" * 256),
        row("00Q5f00000A0008", Last_Voice_Call_Date__c="2026-01-01T00:00:00Z"),
        row(LEAD[:15], Company="x"),
        row("00Q5f00000A9999", Company="x"),
        row("nonsense", Company="x"),
        row(CONTACT, "Contact", Last_Voice_Session__c="room"),
    ]
    answer = collection(headers, rows)
    assert answer.status_code == 200, answer.text
    codes = [result["errors"][0]["statusCode"] if result["errors"] else result["success"] for result in answer.json()]
    assert codes == [
        True, "INVALID_FIELD", "INVALID_FIELD_FOR_INSERT_UPDATE", "CANNOT_UPDATE_CONVERTED_LEAD", "ENTITY_IS_DELETED",
        "UNABLE_TO_LOCK_ROW", "STRING_TOO_LONG", "FIELD_CUSTOM_VALIDATION_EXCEPTION", "DUPLICATE_VALUE",
        "INVALID_CROSS_REFERENCE_KEY", "MALFORMED_ID", True,
    ], codes
    for rows, code in (
        ([row(LEAD)] * 201, "EXCEEDED_ID_LIMIT"),
        ([row(LEAD), row(CONTACT, "Contact")] * 6, "LIMIT_EXCEEDED"),
        ([{"id": LEAD}], "INVALID_INPUT"),
    ):
        answer = collection(headers, rows)
        assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code), answer.text


def check_assignment(salesforce, headers):
    def owner():
        return salesforce.query(f"SELECT OwnerId FROM Lead WHERE Id = '{LEAD}'")["records"][0]["OwnerId"]

    rows = [{"attributes": {"type": "Lead"}, "id": LEAD, "Company": "x"}]
    before = owner()
    collection({**headers, "Sforce-Auto-Assign": "FALSE"}, rows)
    assert owner() == before
    collection(headers, rows)
    assert owner() != before


def check_creation_is_counted(salesforce):
    def created():
        return requests.get(f"{SIMULATOR}/simulator/records").json()["counters"]["created"]

    assert created() == 0
    assert salesforce.Lead.upsert("Email/test@company.com", {"Company": "x"}) == 204
    refused(SalesforceMoreThanOneRecord, lambda: salesforce.Lead.upsert("Email/dora@double.example", {"Company": "x"}))
    assert created() == 0
    assert salesforce.Lead.upsert("Email/new@x.org", {"LastName": "New"}) == 201
    salesforce.Lead.create({"LastName": "New", "Email": "new2@x.org"})
    assert created() == 2


def check_refusals(salesforce):
    refused(SalesforceResourceNotFound, lambda: salesforce.restful("nothing/here"))
    requests.post(f"{SIMULATOR}/simulator/faults", json={"expire_tokens": True})
    answer = requests.get(f"{DATA}/limits", headers={"Authorization": f"Bearer {salesforce.session_id}"})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID"), answer.text
    ended = salesforce.session_id
    salesforce.limits()
    assert salesforce.session_id != ended, "it logs in again by itself"


def main():
    check_tokens()
    salesforce = log_in()
    headers = {"Authorization": f"Bearer {salesforce.session_id}"}
    check_queries(salesforce)
    check_sizes(headers)
    check_assignment(salesforce, headers)
    check_collections(headers)
    check_creation_is_counted(salesforce)
    check_refusals(salesforce)


main()
