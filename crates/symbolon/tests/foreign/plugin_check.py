"""A plug-in of another token server checks codes here: CERTIFICATE BASE_URL USER, codes on lines.

The plug-in is as its maker ships it; the application that it plugs into is stood in for.
"""

import logging
import sys
import types

certificate, base_url, user = sys.argv[1:]


class OTPCheckFailed(Exception):
    """What a plug-in raises for a code that is refused."""


class OTPWebService:
    """What a plug-in finds: its configuration and a log."""

    def __init__(self, config, log):
        self._cfg = config
        self._log = log


base = types.ModuleType("ekca_service.plugins.otp.base")
base.OTPCheckFailed = OTPCheckFailed
base.OTPWebService = OTPWebService
sys.modules[base.__name__] = base

from ekca_service.plugins.otp.privacyidea import PrivacyIdeaOTPChecker  # noqa: E402

config = {"OTP_CHECK_URL": base_url, "OTP_PRIVACYIDEA_SSLVERIFY": certificate}
checker = PrivacyIdeaOTPChecker(config, logging.getLogger())
for code in sys.stdin.read().split():
    try:
        checker.check(user, code)
        print("accepted")
    except OTPCheckFailed as failure:
        print(failure)
