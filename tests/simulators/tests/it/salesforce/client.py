"""Uses the simulated Salesforce at argv[1] (host:port, HTTPS) with the private key in the file argv[2], trusting the
certificate in argv[3] and nothing else; ends with 0 if all is as it must be.

simple_salesforce is used as it is. It calls login.salesforce.com, and then the instance that its token names; names are
resolved to the simulator, and the certificate is checked against the name that was called."""

import sys
import time

import jwt
import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceResourceNotFound,
)
from simple_salesforce.format import format_soql
from urllib3.util import connection

ADDRESS, KEY_FILE, CERTIFICATE = sys.argv[1:4]
LEAD, CONVERTED = "00Q5f00000A0001EAB", "00Q5f00000A0003"
INSTANCE = "https://acme.my.salesforce.com"
DATA = f"{INSTANCE}/services/data/v68.0"


def resolve_everything_to_the_simulator():
    connect = connection.create_connection
    host, port = ADDRESS.rsplit(":", 1)

    def to_the_simulator(address, *arguments, **options):
        return connect((host, int(port)), *arguments, **options)

    connection.create_connection = to_the_simulator


def session():
    trusting = requests.Session()
    trusting.verify = CERTIFICATE
    trusting.trust_env = False
    return trusting


def log_in(**changes):
    settings = {"username": "user@org.example", "consumer_key": "key", "privatekey_file": KEY_FILE, **changes}
    return Salesforce(session=session(), version="68.0", **settings)


def refused(kind, call):
    try:
        call()
    except kind as error:
        return error.content
    raise AssertionError(f"expected {kind.__name__}")


def admin(path):
    answer = session().get(f"{INSTANCE}/simulator/{path}")
    answer.raise_for_status()
    return answer.json()


def inject(**faults):
    session().post(f"{INSTANCE}/simulator/faults", json=faults).raise_for_status()


def check_tls():
    suspicious = session()
    suspicious.verify = True
    try:
        suspicious.get(f"{INSTANCE}/healthz")
        raise AssertionError("a client that does not know the certificate must not get through")
    except requests.exceptions.SSLError:
        pass


def check_tokens():
    for changes in ({"username": "other"}, {"consumer_key": "other"}, {"domain": "test"}):
        try:
            log_in(**changes)
            raise AssertionError(changes)
        except SalesforceAuthenticationFailed as error:
            assert error.code in ("invalid_grant", "invalid_client_id"), error
    by_secret = Salesforce(
        session=session(), version="68.0", consumer_key="key", consumer_secret="secret", domain="acme.my"
    )
    assert by_secret.limits()["DailyApiRequests"]["Max"] == 100_000
    try:
        Salesforce(session=session(), version="68.0", consumer_key="key", consumer_secret="wrong", domain="acme.my")
        raise AssertionError("a wrong secret")
    except SalesforceAuthenticationFailed as error:
        assert error.auth_message == "invalid client credentials", error
    # Some libraries send the time as text, this one too; PyJWT alone sends a number.
    with open(KEY_FILE) as file:
        claims = {"iss": "key", "sub": "user@org.example", "aud": "https://login.salesforce.com"}
        assertion = jwt.encode({**claims, "exp": int(time.time()) + 60}, file.read(), algorithm="RS256")
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
    answer = session().post("https://login.salesforce.com/services/oauth2/token", data=form).json()
    assert answer["instance_url"] == INSTANCE and answer["id"].startswith("https://login.salesforce.com/id/"), answer


def check_queries(salesforce):
    for email in ("test@company.com", "o'brien+x@y.inc", "zoë@müller.example"):
        found = salesforce.query_all(format_soql("SELECT Id, Email FROM Lead WHERE Email IN {}", [email.upper()]))
        assert [row["Email"] for row in found["records"]] == [email], found
    quoted = format_soql("SELECT Id FROM Lead WHERE Email = {}", "a\\b'c\"d\ne")
    assert salesforce.query(quoted)["totalSize"] == 0
    for statement, code in (
        ("SELECT Id FROM Lead WHERE Email = 'o'brien'", "MALFORMED_QUERY"),
        ("SELECT Shoe__c FROM Lead", "INVALID_FIELD"),
        ("SELECT Id FROM Shoe", "INVALID_TYPE"),
    ):
        errors = refused(SalesforceMalformedRequest, lambda: salesforce.query(statement))
        assert errors[0]["errorCode"] == code, errors


def check_pages(salesforce):
    """What the library reads over many pages is what the admin sees."""
    session().post(f"{INSTANCE}/simulator/settings", json={"page_size": 5}).raise_for_status()
    before = admin("records")["counters"]["queries"]
    rows = salesforce.query_all("SELECT Id, Email, Status, IsConverted, ConvertedContactId FROM Lead")["records"]
    seen = {row["Id"]: {name: row[name] for name in row if name != "attributes"} for row in rows}
    there = {row["Id"]: {name: row[name] for name in seen[row["Id"]]} for row in admin("records")["Lead"]}
    assert seen == there and len(seen) == 12, (seen, there)
    assert admin("records")["counters"]["queries"] - before == 3


def check_description(salesforce):
    description = salesforce.Lead.describe()
    assert description["keyPrefix"] == "00Q"
    lengths = {field["name"]: field["length"] for field in description["fields"]}
    assert lengths["Last_Voice_Session__c"] == 255, lengths
    assert "Lead" in [listed["name"] for listed in salesforce.describe()["sobjects"]]
    assert salesforce.limits()["DailyApiRequests"]["Remaining"] > 0
    used = salesforce.api_usage["api-usage"]
    assert used.total == 100_000 and 0 < used.used < 100, used


def check_writes(salesforce):
    changes = {"Last_Voice_Session__c": "room", "Last_Voice_Call_Date__c": "2025-10-29T14:00:00+02:00"}
    assert salesforce.Lead.update(LEAD, changes, headers={"Sforce-Auto-Assign": "FALSE"}) == 204
    there = admin(f"records/{LEAD}")
    mine = salesforce.Lead.get(LEAD)
    assert {name: mine[name] for name in there["fields"] if name in mine} == {
        name: value for name, value in there["fields"].items() if name in mine
    }
    assert mine["Last_Voice_Call_Date__c"] == "2025-10-29T12:00:00.000+0000", mine
    assert [(change["field"], change["new"], change["by"]) for change in there["history"]] == [
        ("Last_Voice_Session__c", "room", "user@org.example"),
        ("Last_Voice_Call_Date__c", "2025-10-29T12:00:00.000+0000", "user@org.example"),
    ], there["history"]
    stale = {"Last_Voice_Call_Date__c": "2025-10-29T11:00:00Z"}
    errors = refused(SalesforceMalformedRequest, lambda: salesforce.Lead.update(LEAD, stale))
    assert errors[0]["errorCode"] == "FIELD_CUSTOM_VALIDATION_EXCEPTION" and "VOICE_STALE_WRITE" in errors[0]["message"]
    errors = refused(SalesforceMalformedRequest, lambda: salesforce.Lead.update(CONVERTED, {"Company": "x"}))
    assert errors[0]["errorCode"] == "CANNOT_UPDATE_CONVERTED_LEAD", errors


def check_upserts(salesforce):
    def counts():
        counters = admin("records")["counters"]
        return counters["updated"], counters["created"]

    updated, created = counts()
    assert salesforce.Lead.upsert("Email/Test@Company.com", {"Company": "Upserted"}) == 200
    assert admin(f"records/{LEAD}")["fields"]["Company"] == "Upserted"
    several = refused(
        SalesforceMoreThanOneRecord, lambda: salesforce.Lead.upsert("Email/dora@double.example", {"Company": "x"})
    )
    doubles = [row["Id"] for row in admin("records")["Lead"] if (row["Email"] or "").lower() == "dora@double.example"]
    assert sorted(several) == sorted(f"/services/data/v68.0/sobjects/Lead/{identifier}" for identifier in doubles)
    refused(SalesforceResourceNotFound, lambda: salesforce.Lead.get_by_custom_id("Email", "nobody@x.org"))
    refused(SalesforceResourceNotFound, lambda: salesforce.Lead.get_by_custom_id("Email", "o'brien+x@y.inc"))
    only = "Email/nobody@x.org?updateOnly=true"
    refused(SalesforceResourceNotFound, lambda: salesforce.Lead.upsert(only, {"LastName": "N", "Company": "x"}))
    assert counts() == (updated + 1, created)
    assert salesforce.Lead.upsert("Email/new@x.org", {"LastName": "New", "Company": "x"}) == 201
    made = salesforce.Lead.create({"LastName": "New", "Company": "x", "Email": "new2@x.org"})
    assert admin(f"records/{made['id']}")["fields"]["Email"] == "new2@x.org"
    assert counts() == (updated + 1, created + 2)


def check_sessions(salesforce):
    inject(expired_tokens=1)
    before = salesforce.session_id
    tokens = admin("records")["counters"]["tokens"]
    answer = session().get(f"{DATA}/limits", headers={"Authorization": f"Bearer {before}"})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID"), answer.text
    salesforce.limits()
    assert salesforce.session_id != before, "it logs in again by itself"
    assert admin("records")["counters"]["tokens"] == tokens + 1
    inject(cut_answers=1)
    try:
        salesforce.limits()
        raise AssertionError("half an answer is none")
    except requests.exceptions.RequestException:
        pass
    assert salesforce.limits()["DailyApiRequests"]["Max"] == 100_000


def main():
    resolve_everything_to_the_simulator()
    check_tls()
    check_tokens()
    salesforce = log_in()
    check_queries(salesforce)
    check_pages(salesforce)
    check_description(salesforce)
    check_writes(salesforce)
    check_upserts(salesforce)
    refused(SalesforceResourceNotFound, lambda: salesforce.restful("nothing/here"))
    check_sessions(salesforce)


main()
