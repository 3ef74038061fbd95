"""The admission webhook: reviews in, verdicts out, with no network on the way."""
