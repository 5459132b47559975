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


def head(ours, peer, others):
    """Of a table with us, one peer, and the best of the others."""
    cells = ["workload", "", ours, "cpu ns"]
    if peer:
        cells += [peer, f"{peer} / {ours}"]
    if others:
        cells += ["best of the others", "", f"it / {ours}"]
    rule = "".join("---|" if each in ("", "workload", "best of the others")
                   else "---:|" for each in cells[:-1])
    last = "---:|" if peer else "---|"
    return f"| {' | '.join(cells)} |\n|{rule}{last}"


def line(row, ours, peer, others):
    def value(program):
        if program in row.values:
            return number(row.values[program])
        why = row.notes.get(program, "–")
        return "–" if why == "unsupported" else why

    def ratio(program):
        found = row.ratio(ours, program)
        return f"**{times(found)}**" if found else ""

    # The processors' time of the whole run, so once a run.
    cells = [row.name, row.label, value(ours),
             number(row.cpu[ours]) if ours in row.cpu and row.label == "ns"
             else ""]
    if peer:
        cells += [value(peer), ratio(peer)]
    if others:
        best = row.best(others)
        name = f"{best} (unbounded)" if best in row.unbounded else best
        cells += [name, value(best), ratio(best)] if best else ["–", "", ""]
    return f"| {' | '.join(cells)} |"


def table(found):
    """All of a results file."""
    ours, peer, *others = [*found["programs"], None]
    others = [each for each in others if each]
    return "\n".join([head(ours, peer, others),
                      *(line(row, ours, peer, others)
                        for row in rows_of(found)), ""])
