import json
from datetime import UTC, datetime

import pytest

from analysis_worker import errors
from analysis_worker.provider.provider_errors import (
    classify_error_object,
    classify_response,
    error_object_of,
    is_of_account,
    read_retry_after,
    safe_text,
)

REFUSED, FETCH, BILLING = errors.ProviderRefused, errors.MediaFetchFailed, errors.ProviderBilling
THROTTLED, BROKEN, KEY = errors.ProviderThrottled, errors.ProviderUnavailable, errors.ProviderUnauthorized
AWAY = errors.ProviderDown
FILTERED, GONE, QUOTA = errors.ContentFiltered, errors.ModelMissing, errors.ModelQuotaUsed

# Every row of provider.md §4b: status, code, message, leaf, least seconds to wait.
ROWS = [
    (400, "InvalidParameter", "This model only support stream mode, please enable the stream parameter to access the model.", REFUSED, None),
    (400, "InvalidParameter", "'audio' output only support with stream=true", REFUSED, None),
    (400, "InvalidParameter", "current user api does not support http call.", REFUSED, None),
    (400, "InvalidParameter", "parameter.enable_thinking must be set to false for non-streaming calls", REFUSED, None),
    (400, "InvalidParameter.NotSupportEnableThinking", "The model qwen-omni-turbo does not support enable_thinking.", REFUSED, None),
    (400, "invalid_parameter_error", "The thinking_budget parameter must be a positive integer and not greater than 38912", REFUSED, None),
    (400, "invalid_parameter_error", "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 30720]", REFUSED, None),
    (400, "invalid_parameter_error", "Range of max_tokens should be [1, 2048]", REFUSED, None),
    (400, "invalid_parameter_error", "Temperature should be in [0.0, 2.0)", REFUSED, None),
    (400, "invalid_parameter_error", "'temperature' must be Float", REFUSED, None),
    (400, "invalid_parameter_error", "Range of top_p should be (0.0, 1.0]", REFUSED, None),
    (400, "invalid_parameter_error", "Presence_penalty should be in [-2.0, 2.0]", REFUSED, None),
    (400, "invalid_parameter_error", "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.", REFUSED, None),
    (400, "invalid_parameter_error", "Json mode response is not supported when enable_thinking is true", REFUSED, None),
    (400, "invalid_parameter_error", "Unknown format of response_format, response_format should be a dict", REFUSED, None),
    (400, "invalid_parameter_error", "This model does not support enable_search.", REFUSED, None),
    (200, "invalid_parameter_error", "The parameters enable_search is not supported", REFUSED, None),
    (400, "invalid_parameter_error", "Input should be 'Cherry', 'Serena', 'Ethan' or 'Chelsie': parameters.audio.voice", REFUSED, None),
    (400, "invalid_parameter_error", "Voice 'Nobody' is not supported.", REFUSED, None),
    (400, "invalid_parameter_error", "The provided URL does not appear to be valid. Ensure it is correctly formatted.", REFUSED, None),
    (400, "invalid_parameter_error", "<400> InternalError.Algo.InvalidParameter: Failed to download multimodal content.", FETCH, None),
    (400, "invalid_parameter_error", "Download the media resource timed out during the data inspection process.", FETCH, None),
    (400, "invalid_parameter_error", "Unable to download the media resource during the data inspection process.", FETCH, None),
    (400, "invalid_parameter_error", "Download multimodal file timed out", FETCH, None),
    (400, "invalid_parameter_error", "Don't have authorization to access the media resource during the data inspection process.", FETCH, None),
    (400, "invalid_parameter_error", "Wrong Content-Type of multimodal url", REFUSED, None),
    (400, "invalid_parameter_error", "Exceeded limit on max bytes per data-uri item : 10485760", REFUSED, None),
    (400, "invalid_parameter_error", "Multimodal file size is too large", REFUSED, None),
    (400, "invalid_parameter_error", "The video modality input does not meet the requirements because: The video file is too long.", REFUSED, None),
    (400, "invalid_parameter_error", "The video modality input does not meet the requirements because: the range of sequence images shoule be (4, 512).", REFUSED, None),
    (400, "invalid_parameter_error", "The audio is empty", REFUSED, None),
    (400, "invalid_parameter_error", "<400> InternalError.Algo.InvalidParameter: The audio is too long", REFUSED, None),
    (400, "invalid_parameter_error", "Invalid video file.", REFUSED, None),
    (400, "invalid_parameter_error", "The file format is illegal and cannot be opened.", REFUSED, None),
    (400, "invalid_parameter_error", "The audio format is illegal and cannot be opened.", REFUSED, None),
    (400, "invalid_parameter_error", "The media format is not supported or incorrect for the data inspection.", REFUSED, None),
    (400, "invalid_parameter_error", "Failed to decode the image during the data inspection.", REFUSED, None),
    (400, "invalid_parameter_error", "The image length and width do not meet the model restrictions.", REFUSED, None),
    (400, "invalid_parameter_error", "The image size is not supported for the data inspection.", REFUSED, None),
    (400, "invalid_parameter_error", "The provided messages input is invalid. The error info is [Unexpected item type in content]", REFUSED, None),
    (400, "invalid_parameter_error", "Required body invalid, please check the request body format.", REFUSED, None),
    (400, "invalid_parameter_error", "[] is too short", REFUSED, None),
    (400, "invalid_parameter_error", "you must provide a model parameter.", REFUSED, None),
    (400, "invalid_parameter_error", "The input messages do not contain elements with the role of user.", REFUSED, None),
    (400, "Arrearage", "Access denied, please make sure your account is in good standing.", BILLING, None),
    (400, "DataInspectionFailed", "Input or output data may contain inappropriate content.", FILTERED, None),
    (400, "data_inspection_failed", "Output data may contain inappropriate content.", FILTERED, None),
    (401, "InvalidApiKey", "Invalid API-key provided.", KEY, None),
    (401, "invalid_api_key", "Incorrect API key provided. For details, see: error-code#apikey-error", KEY, None),
    (403, "AccessDenied", "Access denied.", REFUSED, None),
    (403, "AccessDenied.Unpurchased", "Access to model denied. Please make sure you are eligible for using the model.", QUOTA, None),
    (403, "Model.AccessDenied", "Model access denied.", GONE, None),
    (403, "Workspace.AccessDenied", "Workspace access denied.", REFUSED, None),
    (403, "AllocationQuota.FreeTierOnly", "The free tier of the model has been exhausted. If you wish to continue …", QUOTA, None),
    (404, "ModelNotFound", "Model can not be found.", GONE, None),
    (404, "model_not_found", "The model `qwen9` does not exist or you do not have access to it.", GONE, None),
    (400, "InvalidParameter", "Model not exist.", GONE, None),
    (404, "model_not_supported", "Unsupported model qwen9 for OpenAI compatibility mode.", GONE, None),
    (413, "BadRequest.TooLarge", "Payload Too Large.", REFUSED, None),
    (413, "", "Request body size exceeds maximum allowed size", REFUSED, None),
    (429, "Throttling", "Requests throttling triggered.", THROTTLED, None),
    (429, "Throttling", "Too many requests in route. Please try again later.", THROTTLED, None),
    (429, "Throttling.RateQuota", "Requests rate limit exceeded, try again later.", THROTTLED, None),
    (429, "LimitRequests", "You exceeded your current requests list.", THROTTLED, None),
    (429, "limit_requests", "You exceeded your current requests list.", THROTTLED, None),
    (429, "Throttling.BurstRate", "Request rate increased too quickly. To ensure system stability, …", THROTTLED, None),
    (429, "limit_burst_rate", "Request rate increased too quickly. …", THROTTLED, None),
    (429, "Throttling.AllocationQuota", "Allocated quota exceeded, please increase your quota limit.", THROTTLED, 60.0),
    (429, "insufficient_quota", "You exceeded your current quota, please check your plan and billing details.", THROTTLED, 60.0),
    (429, "Throttling.AllocationQuota", "Free allocated quota exceeded.", QUOTA, None),
    (429, "insufficient_quota", "Free allocated quota exceeded.", QUOTA, None),
    (429, "CommodityNotPurchased", "Commodity has not purchased yet.", BILLING, None),
    (429, "PrepaidBillOverdue", "The prepaid bill is overdue.", BILLING, None),
    (429, "PostpaidBillOverdue", "The postpaid bill is overdue.", BILLING, None),
    (500, "InternalError", "An internal error has occured, please try again later or contact service support.", BROKEN, None),
    (500, "internal_error", "An internal error has occured, please try again later or contact service support.", BROKEN, None),
    (500, "InternalError.Algo", "inference internal error.", BROKEN, None),
    (500, "InternalError.Algo", "Request rejected by inference engine!", BROKEN, None),
    (500, "InternalError.Algo", "Receive batching backend response failed!", BROKEN, None),
    (500, "InternalError.Algo", "Missing Content-Length of multimodal url.", REFUSED, None),
    (500, "InternalError.Algo", "list index out of range", REFUSED, None),
    (500, "SystemError", "An system error has occured, please try again later.", BROKEN, None),
    (500, "ModelServiceFailed", "Failed to request model service.", BROKEN, None),
    (500, "RequestTimeOut", "Request timed out, please try again later.", BROKEN, None),
    (500, "ModelServingError", "Too many requests. Your requests are being throttled due to system capacity limits. …", BROKEN, None),
    (503, "ModelServingError", "Too many requests. Your requests are being throttled due to system capacity limits. …", AWAY, None),
    (503, "ModelUnavailable", "Model is unavailable, try again later.", AWAY, None),
]  # fmt: skip


def body_openai(code, message):
    return {"error": {"code": code, "message": message, "param": None, "type": "x"}, "request_id": "r-1"}


def body_native(code, message):
    return {"code": code, "message": message, "request_id": "r-1"}


@pytest.mark.parametrize(("status", "code", "message", "leaf", "wait"), ROWS)
def test_each_documented_refusal_has_its_leaf(status, code, message, leaf, wait):
    error = classify_error_object(body_openai(code, message)["error"] | {"type": None}, http_status=status)
    assert type(error) is leaf
    assert error.provider_code == (code or None)
    assert error.http_status == status
    assert message[:40] in error.message
    if isinstance(error, errors.Retryable):
        assert error.retry_after_seconds == wait


@pytest.mark.parametrize(
    ("status", "code", "message", "leaf", "wait"), [row for row in ROWS if row[0] != 200 and row[1]]
)
def test_the_form_in_which_a_refusal_arrives_changes_nothing(status, code, message, leaf, wait):
    forms = [
        json.dumps(body_openai(code, message)).encode(),
        json.dumps(body_native(code, message)).encode(),
        b": ping\r\n\r\ndata: " + json.dumps(body_openai(code, message)).encode() + b"\r\n\r\ndata: [DONE]\r\n\r\n",
    ]
    found = [classify_response(http_status=status, headers={}, body=body) for body in forms]
    assert [type(error) for error in found] == [leaf] * 3
    assert {error.provider_code for error in found} == {code}
    in_stream = error_object_of(body_openai(code, message))
    # A stream that has begun came from a model that is there.
    assert type(classify_error_object(in_stream)) is (BROKEN if leaf is AWAY else leaf)


@pytest.mark.parametrize(
    ("status", "leaf"),
    [
        (400, REFUSED),
        (401, KEY),
        (402, BILLING),
        (403, REFUSED),
        (404, REFUSED),
        (408, BROKEN),
        (409, REFUSED),
        (413, REFUSED),
        (418, REFUSED),
        (429, THROTTLED),
        (500, BROKEN),
        (502, AWAY),
        (503, AWAY),
        (504, AWAY),
        (529, BROKEN),
    ],
)
@pytest.mark.parametrize(
    "body", [b"", b"<html>Bad Gateway</html>", b"\xff\xfe\x00", b"[1]", b'"x"', b"data: {\n\n", b"{}"]
)
def test_a_body_that_says_nothing_leaves_it_to_the_status(status, leaf, body):
    error = classify_response(http_status=status, headers={}, body=body)
    assert type(error) is leaf
    assert error.http_status == status


def test_an_unknown_refusal_carries_its_code_and_message():
    body = json.dumps(body_openai("SomethingNew", "The moon is in the wrong phase.")).encode()
    error = classify_response(http_status=400, headers={}, body=body)
    assert type(error) is REFUSED
    assert error.provider_code == "SomethingNew"
    assert "The moon is in the wrong phase." in error.message


def test_retry_after_is_honoured_but_never_below_the_floor_of_the_class():
    def wait(code, seconds):
        body = json.dumps(body_openai(code, "…")).encode()
        return classify_response(http_status=429, headers={"Retry-After": seconds}, body=body).retry_after_seconds

    assert wait("limit_requests", "7") == 7.0
    assert wait("insufficient_quota", "7") == 60.0
    assert wait("insufficient_quota", "90") == 90.0
    assert wait("limit_requests", "soon") is None


def test_retry_after_may_be_a_date():
    now = datetime(2026, 9, 1, 12, 0, 0, tzinfo=UTC)
    assert read_retry_after({"retry-after": "Tue, 01 Sep 2026 12:00:30 GMT"}, now=now) == 30.0
    assert read_retry_after({"retry-after": "Tue, 01 Sep 2026 11:00:30 GMT"}, now=now) == 0.0
    assert read_retry_after({"retry-after": "Tue, 01 Sep 2026 12:00:30 GMT"}, now=None) is None
    assert read_retry_after({"retry-after": "999999999"}, now=now) == 86_400.0


def test_an_error_in_a_stream_may_name_its_status_as_code_or_prefix():
    assert type(classify_error_object({"code": 429, "message": "slow down"})) is THROTTLED
    assert type(classify_error_object({"code": 502, "message": "upstream"})) is BROKEN
    assert type(classify_error_object({"code": "x", "message": "<503> busy"})) is BROKEN
    assert type(classify_error_object({"message": "something broke"})) is BROKEN


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "x",
        {},
        {"error": None},
        {"error": ""},
        {"choices": []},
        {"message": "x"},
        {"code": "x", "message": "y", "choices": []},
    ],
)
def test_what_is_no_error_object_is_not_taken_for_one(document):
    assert error_object_of(document) is None


def test_an_error_may_be_a_plain_string():
    assert error_object_of({"error": "no"}) == {"code": None, "message": "no"}


def test_keys_signatures_and_media_do_not_travel_in_messages():
    said = safe_text(
        "Incorrect API key provided: sk-abcdef0123456789. "
        "Failed: https://store.example/bucket/a.jpg?X-Amz-Signature=123&X-Amz-Credential=me, "
        "url data:image/png;base64,iVBORw0KGgo=" + "x" * 5_000
    )
    assert "abcdef" not in said
    assert "X-Amz" not in said
    assert "iVBOR" not in said
    assert "https://store.example/bucket/a.jpg?…" in said
    assert len(said) <= 1_000


def test_each_known_cause_of_ours_names_the_remedy():
    assert "MODEL_API_KEY" in classify_response(http_status=401, headers={}, body=b"").message
    fetch = classify_error_object({"message": "Failed to download multimodal content."}, http_status=400)
    assert "S3_PUBLIC_ENDPOINT" in fetch.message


@pytest.mark.parametrize(
    ("status", "code", "message", "tries"),
    [
        (500, "InternalError", "An internal error has occured", 3),
        (400, "invalid_parameter_error", "Download multimodal file timed out", 3),
        (400, "invalid_parameter_error", "Don't have authorization to access the media resource", 2),
        (503, "ModelUnavailable", "Model is unavailable, try again later.", None),
        (429, "limit_requests", "You exceeded your current requests list.", None),
    ],
)
def test_a_class_of_faults_is_worth_as_many_calls_as_the_provider_says(status, code, message, tries):
    assert classify_error_object({"code": code, "message": message}, http_status=status).max_tries == tries


@pytest.mark.parametrize(
    ("status", "code", "message", "is_account"),
    [
        (401, "invalid_api_key", "Incorrect API key provided.", True),
        (400, "Arrearage", "Access denied, please make sure your account is in good standing.", True),
        (429, "PostpaidBillOverdue", "The postpaid bill is overdue.", True),
        (403, "AllocationQuota.FreeTierOnly", "The free tier of the model has been exhausted.", False),
        (403, "AccessDenied.Unpurchased", "Access to model denied.", False),
        (404, "model_not_found", "The model `x` does not exist", False),
    ],
)
def test_what_every_request_would_meet_is_told_from_what_one_model_lacks(status, code, message, is_account):
    assert is_of_account(classify_error_object({"code": code, "message": message}, http_status=status)) is is_account
