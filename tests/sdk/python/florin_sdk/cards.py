"""The sandbox's cards, as the tests use them."""

VISA = "4242424242424242"
MASTERCARD = "5555555555554444"
SETUP_THEN_FREE = "4000002500003155"
ALWAYS_3DS = "4000002760003184"
ATTACH_THEN_DECLINE = "4000000000000341"
NOT_A_SANDBOX_CARD = "4539578763621486"

# payment method: (code, decline code); every one of them declines a payment.
DECLINES = {
    "pm_card_visa_chargeDeclined": ("card_declined", "generic_decline"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "pm_card_visa_chargeDeclinedLostCard": ("card_declined", "lost_card"),
    "pm_card_visa_chargeDeclinedStolenCard": ("card_declined", "stolen_card"),
    "pm_card_visa_chargeDeclinedVelocityLimitExceeded": ("card_declined", "card_velocity_exceeded"),
    "pm_card_chargeDeclinedExpiredCard": ("expired_card", None),
    "pm_card_chargeDeclinedIncorrectCvc": ("incorrect_cvc", None),
    "pm_card_chargeDeclinedProcessingError": ("processing_error", None),
}

# number: (code, decline code), the same outcomes by number.
DECLINING_NUMBERS = {
    "4000000000000002": ("card_declined", "generic_decline"),
    "4000000000009995": ("card_declined", "insufficient_funds"),
    "4000000000009987": ("card_declined", "lost_card"),
    "4000000000009979": ("card_declined", "stolen_card"),
    "4000000000006975": ("card_declined", "card_velocity_exceeded"),
    "4000000000000069": ("expired_card", None),
    "4000000000000127": ("incorrect_cvc", None),
    "4000000000000119": ("processing_error", None),
}

INCORRECT_NUMBER = "4242424242424241"

# Every number that the tests send: none may ever come back.
NUMBERS = [
    VISA, MASTERCARD, SETUP_THEN_FREE, ALWAYS_3DS, ATTACH_THEN_DECLINE, NOT_A_SANDBOX_CARD, INCORRECT_NUMBER,
    *DECLINING_NUMBERS,
]


def card(number=VISA, **more):
    """Parameters of a card payment method."""
    return {"type": "card", "card": {"number": number, "exp_month": 12, "exp_year": 2034, "cvc": "314"}, **more}
