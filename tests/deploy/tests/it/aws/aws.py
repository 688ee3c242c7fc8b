"""AWS as far as moto is AWS: CloudFormation applies a template, and then S3, IAM and STS let in only whom its policies let in.

Argument: the template. The first line of standard input is JSON:
    parameters  of the stack
    users       to make besides: of each its policy, as a document, or as the name of one of the template's
    sessions    objects to put: key and payload
One line of JSON is printed: the endpoint; status, outputs and resources of the stack, with all that the template leaves open filled in;
what IAM has of policies, roles and users; and the keys of the users that were asked for. It serves until standard input ends.
"""

import gzip
import json
import logging
import sys
import warnings

import boto3
from botocore.config import Config
from moto import settings
from moto.cloudformation import parsing
from moto.cloudformation.models import cloudformation_backends
from moto.core.authorization import ActionAuthenticatorMixin
from moto.s3.responses import S3Response
from moto.server import ThreadedMotoServer

ACCOUNT, REGION, STACK = "123456789012", "eu-central-1", "postcall"


def main(template, request):
    correct_moto()
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    parameters = request["parameters"]
    answer = {"endpoint": endpoint, **apply(client(endpoint, "cloudformation"), template, parameters)}
    answer |= identities(client(endpoint, "iam"))
    answer["keys"] = add_users(client(endpoint, "iam"), request.get("users", {}))
    for key, payload in request.get("sessions", {}).items():
        body = gzip.compress(payload.encode(), mtime=0)
        client(endpoint, "s3").put_object(Bucket=parameters["BucketName"], Key=key, Body=body)
    # From now on everybody is asked for a key.
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    print(json.dumps(answer), flush=True)
    sys.stdin.read()


def apply(cloudformation, template, parameters):
    listed = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
    with open(template) as text:
        cloudformation.create_stack(
            StackName=STACK, TemplateBody=text.read(), Parameters=listed, Capabilities=["CAPABILITY_IAM"]
        )
    told = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
    stack = cloudformation_backends[ACCOUNT][REGION].get_stack(STACK)
    conditions = stack.resource_map.lazy_condition_map
    return {
        "status": told["StackStatus"],
        "outputs": {output["OutputKey"]: output for output in told["Outputs"]},
        "resources": {
            name: parsing.clean_json(resource, stack.resource_map)
            for name, resource in stack.template_dict["Resources"].items()
            if "Condition" not in resource or conditions[resource["Condition"]]
        },
    }


def identities(iam):
    policies = iam.list_policies(Scope="Local")["Policies"]
    roles, users = iam.list_roles()["Roles"], iam.list_users()["Users"]
    return {
        "policies": {
            logical(policy["PolicyName"]): iam.get_policy_version(PolicyArn=policy["Arn"], VersionId="v1")[
                "PolicyVersion"
            ]["Document"]
            for policy in policies
        },
        "roles": {
            logical(role["RoleName"]): {
                "arn": role["Arn"],
                "trust": role["AssumeRolePolicyDocument"],
                "policies": names(iam.list_attached_role_policies(RoleName=role["RoleName"])),
            }
            for role in roles
        },
        "users": {
            logical(user["UserName"]): names(iam.list_attached_user_policies(UserName=user["UserName"])) for user in users
        },
    }


def add_users(iam, users):
    policies = {logical(policy["PolicyName"]): policy["Arn"] for policy in iam.list_policies(Scope="Local")["Policies"]}
    keys = {}
    for name, policy in users.items():
        iam.create_user(UserName=name)
        if isinstance(policy, str):
            iam.attach_user_policy(UserName=name, PolicyArn=policies[policy])
        # IAM takes no policy without a statement.
        elif policy["Statement"]:
            iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        keys[name] = [key["AccessKeyId"], key["SecretAccessKey"]]
    return keys


def names(attached):
    return [logical(policy["PolicyName"]) for policy in attached["AttachedPolicies"]]


def logical(name):
    """STACK-NAME-RANDOM"""
    return name.split("-")[1]


def client(endpoint, service):
    config = Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"})
    keys = {"aws_access_key_id": "nobody", "aws_secret_access_key": "is asked yet"}
    return boto3.client(service, endpoint_url=endpoint, region_name=REGION, config=config, **keys)


def correct_moto():
    """Where it is otherwise than AWS."""
    # Its CloudFormation has no Glue, Athena, alarms or policies of buckets, and says so each time.
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)

    # AWS::NoValue takes an element out of its list; moto leaves an empty place.
    with_empty_places = parsing.clean_json

    def without_empty_places(it, resources):
        it = with_empty_places(it, resources)
        return [element for element in it if element is not None] if isinstance(it, list) else it

    parsing.clean_json = without_empty_places

    # S3 says in XML that there is no object, also where an answer has no body; moto in HTML, as a web server that is no store.
    head_object = S3Response.head_object

    def head_object_in_xml(self, *arguments, **named):
        status, headers, body = head_object(self, *arguments, **named)
        return status, {**headers, "content-type": "application/xml"} if status == 404 else headers, body

    S3Response.head_object = head_object_in_xml

    # Who comes with a token of a cluster has no key yet; moto asks for one.
    authorize = ActionAuthenticatorMixin._authenticate_and_authorize_normal_action

    def authorize_whom_has_a_key(self, *arguments):
        if self._get_action() != "AssumeRoleWithWebIdentity":
            authorize(self, *arguments)

    ActionAuthenticatorMixin._authenticate_and_authorize_normal_action = authorize_whom_has_a_key


main(sys.argv[1], json.loads(sys.stdin.readline()))
