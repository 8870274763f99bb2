"""Every reason for which a request is refused before it reaches the users part.

RequestError
├── MalformedRequestError        not a request of this API: no body, no JSON, a bad header or parameter
├── UnsupportedMediaTypeError    the body isn't JSON in UTF-8
└── BodyTooLargeError            the body has more bytes than any valid one
"""


class RequestError(Exception):
    """A request that can't be read. Its text is shown to the caller, so it repeats nothing of the request."""


class MalformedRequestError(RequestError):
    """Not a request of this API."""


class UnsupportedMediaTypeError(RequestError):
    """The body isn't JSON in UTF-8."""


class BodyTooLargeError(RequestError):
    """The body has more bytes than any valid one."""
