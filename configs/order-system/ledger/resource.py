"""The ledger's log, written by whoever leads; each leader has a token higher than the last."""


class Ledger:
    def __init__(self):
        self.highest = 0
        self.steps = []

    def apply(self, step, token):
        self.steps.append(step)
        self.highest = max(self.highest, token)
