"""Tables of what was found: rows of figures, ratios, who is best."""


def number(value):
    if value < 100:
        return f"{value:.1f}"
    return f"{value:,.0f}"


def times(value):
    return f"{value:.2f}×" if value < 10 else f"{value:,.0f}×"


class Row:
    """One figure of one configuration, for every program."""

    def __init__(self, name, figure, label, summaries, notes):
        self.name = name
        self.figure = figure
        self.label = label
        self.values = {peer: each[figure][0]
                       for peer, each in summaries.items() if figure in each}
        self.unbounded = {peer for peer, each in summaries.items()
                          if "unbounded" in each["peer"]}
        self.cpu = {peer: each["cpu_ns_per_item"][0]
                    for peer, each in summaries.items()}
        self.notes = notes

    def ratio(self, ours, peer):
        """How many times as much the peer takes; None when one is missing."""
        if ours not in self.values or peer not in self.values:
            return None
        return self.values[peer] / self.values[ours]

    def best(self, peers):
        """The one that takes least; None when nobody has the figure."""
        known = [peer for peer in peers if peer in self.values]
        return min(known, key=self.values.get, default=None)


def rows_of(found):
    """All rows of a results file."""
    for name, entry in found["results"].items():
        for figure, label in entry["figures"]:
            yield Row(name, figure, label, entry["peers"], entry["notes"])


def head(ours, peers):
    cells = ["workload", "", ours, "cpu ns"]
    for peer in peers:
        cells += [peer, f"{peer} / {ours}"]
    return f"| {' | '.join(cells)} |\n|---|---|{'---:|' * (len(cells) - 2)}"


def line(row, ours, peers):
    def value(peer):
        if peer in row.values:
            return number(row.values[peer])
        why = row.notes.get(peer, "–")
        return "–" if why == "unsupported" else why

    cells = [row.name, row.label, value(ours),
             number(row.cpu[ours]) if ours in row.cpu and row.label == "ns"
             else ""]
    for peer in peers:
        ratio = row.ratio(ours, peer)
        cells += [value(peer), f"**{times(ratio)}**" if ratio else ""]
    return f"| {' | '.join(cells)} |"
