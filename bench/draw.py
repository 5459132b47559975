"""Plots as SVG, with what they were measured on under them."""
import math
from html import escape

OURS, THEIRS, OTHER = "#2a7f9e", "#c0504d", "#d68910"
COLOURS = (OURS, THEIRS, OTHER, "#5b8c3e", "#7d5ba6", "#666666")


def text(x, y, what, anchor="start", size=12, colour="black"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
            f'font-size="{size}" fill="{colour}">{escape(str(what))}</text>')


def line(x1, y1, x2, y2, colour="#ddd", width=1):
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'stroke="{colour}" stroke-width="{width}"/>')


def wrapped(words, width):
    rows = [""]
    for part in words.split("; "):
        joined = f"{rows[-1]}; {part}" if rows[-1] else part
        if len(joined) <= width:
            rows[-1] = joined
        else:
            rows.append(part)
    return rows


def picture(width, height, parts, under):
    """All together, and `under` it the circumstances."""
    rows = wrapped(under, int(width / 6.2))
    parts = [*parts, *(text(10, height + 14 + 14 * i, row, size=11,
                            colour="#555") for i, row in enumerate(rows))]
    height += 14 * len(rows) + 12
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif">',
        '<rect width="100%" height="100%" fill="white"/>', *parts,
        "</svg>", ""])


# --- Bars --------------------------------------------------------------------

ROW, LEFT, WIDTH, TOP = 20, 300, 460, 66


def bars(rows, ours, peer, others, under):
    """How many times as much as us the peer takes, on a log scale; a mark where
    the best of the others stands. None when there is nothing to draw."""
    drawn = []
    for row in rows:
        best = row.best(others)
        drawn.append((f"{row.name}, {row.label}" if row.label != "ns"
                      else row.name,
                      row.ratio(ours, peer),
                      row.ratio(ours, best) if best else None))
    drawn = [each for each in drawn if each[1] or each[2]]
    known = [ratio for each in drawn for ratio in each[1:] if ratio]
    if not known:
        return None
    most, least = max(2.0, *known), min(0.5, *known)

    def x(ratio):
        return LEFT + WIDTH * math.log(ratio / least) / math.log(most / least)

    height = TOP + ROW * len(drawn) + 10
    parts = [text(10, 24, f"How many times as much as {ours} the others take: "
                  "right of 1 is better for us", size=15)]
    parts.append(f'<rect x="{LEFT}" y="33" width="14" height="10" '
                 f'fill="{OURS}"/>' + text(LEFT + 20, 42, peer))
    if any(each[2] for each in drawn):
        parts.append(diamond(LEFT + 107, 38)
                     + text(LEFT + 117, 42, "the best of the other peers"))
    for power in range(-3, 13):
        ratio = 2.0 ** power
        if least <= ratio <= most:
            colour = "black" if power == 0 else "#ddd"
            parts.append(line(x(ratio), TOP - 6, x(ratio), height - 8, colour))
            parts.append(text(x(ratio), TOP - 10, f"{ratio:g}×", "middle", 10))
    for i, (name, ratio, best) in enumerate(drawn):
        y = TOP + ROW * i
        parts.append(text(LEFT - 8, y + 14, name, "end"))
        if ratio:
            start, end = sorted((x(1), x(ratio)))
            colour = OURS if ratio >= 1 else THEIRS
            parts.append(f'<rect x="{start:.1f}" y="{y + 3}" '
                         f'width="{end - start:.1f}" height="{ROW - 6}" '
                         f'fill="{colour}"/>')
            parts.append(text(LEFT + WIDTH + 60, y + 14, f"{ratio:.1f}×",
                              "end"))
        if best:
            parts.append(diamond(x(best), y + ROW / 2))
    return picture(LEFT + WIDTH + 70, height, parts, under)


def diamond(x, y):
    return (f'<path d="M{x:.1f} {y - 6:.1f} l6 6 l-6 6 l-6 -6 z" '
            f'fill="{OTHER}" stroke="white"/>')


# --- Curves ------------------------------------------------------------------

PLOT_LEFT, PLOT_TOP, PLOT_WIDTH, PLOT_HEIGHT = 70, 60, 560, 300


def round_numbers(least, most):
    """1, 2, 5, 10 … from at most `least` up to at least `most`."""
    power = math.floor(math.log10(least))
    result = [factor * 10.0 ** p for p in range(power, power + 13)
              for factor in (1, 2, 5)]
    low = max(i for i, each in enumerate(result) if each <= least * 1.0001)
    high = min(i for i, each in enumerate(result) if each >= most * 0.9999)
    return result[low:max(high, low + 1) + 1]


def labelled(xs):
    """Powers of ten, where there are enough of them."""
    tens = [x for x in xs if x == 0 or math.log10(x) == int(math.log10(x))]
    return tens if len(tens) > 2 else xs


def curves(title, along, up, lines, under):
    """Lines of (x, y) points by name, both axes logarithmic. An x of 0 stands
    left of 1, where a logarithm has no room for it."""
    points = [point for each in lines.values() for point in each]
    xs = [max(x, 0.5) for x, _ in points]
    ys = [y for _, y in points]
    low_x, high_x = math.log10(min(xs)), math.log10(max(xs))
    marks = round_numbers(min(ys), max(ys))
    low_y, high_y = math.log10(marks[0]), math.log10(marks[-1])

    def px(x):
        part = (math.log10(max(x, 0.5)) - low_x) / (high_x - low_x)
        return PLOT_LEFT + PLOT_WIDTH * part

    def py(y):
        part = (math.log10(y) - low_y) / (high_y - low_y)
        return PLOT_TOP + PLOT_HEIGHT * (1 - part)

    bottom = PLOT_TOP + PLOT_HEIGHT
    parts = [text(10, 24, title, size=15)]
    for y in marks:
        parts.append(line(PLOT_LEFT, py(y), PLOT_LEFT + PLOT_WIDTH, py(y)))
        parts.append(text(PLOT_LEFT - 6, py(y) + 4, f"{y:,g}", "end", 10))
    all_xs = sorted({x for x, _ in points})
    for x in all_xs:
        parts.append(line(px(x), bottom, px(x), bottom + 4, "#888"))
    for x in labelled(all_xs):
        parts.append(text(px(x), bottom + 17, f"{x:,}", "middle", 10))
    parts.append(text(PLOT_LEFT + PLOT_WIDTH, bottom + 32, along, "end"))
    parts.append(text(10, PLOT_TOP - 16, up))
    for i, (name, each) in enumerate(lines.items()):
        colour = COLOURS[i % len(COLOURS)]
        path = " ".join(f"{px(x):.1f},{py(y):.1f}" for x, y in each)
        parts.append(f'<polyline points="{path}" fill="none" '
                     f'stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{px(x):.1f}" cy="{py(y):.1f}" r="3" '
                  f'fill="{colour}"/>' for x, y in each]
        parts.append(text(PLOT_LEFT + PLOT_WIDTH + 12,
                          PLOT_TOP + 14 + 18 * i, name, colour=colour))
    return picture(PLOT_LEFT + PLOT_WIDTH + 230, bottom + 40, parts, under)
