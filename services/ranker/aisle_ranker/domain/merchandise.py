"""What is done to an order after it was scored: rules, diversity, exploration; every move says who made it."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from aisle_ranker.domain.answer import Ordering, Source, Step
from aisle_ranker.domain.arrays import Floats, Ints, Vectors
from aisle_ranker.domain.catalog import Catalog, LiveModel
from aisle_ranker.domain.diversity import dpp, mmr
from aisle_ranker.domain.exploration import Draw, epsilon_slot, generator, plackett_luce
from aisle_ranker.domain.placement import (
    BOOST,
    BURY,
    CAP,
    DPP,
    EPSILON,
    EXCLUDE,
    KEEP_ONLY,
    PIN,
    Circumstances,
    Placement,
    Rule,
    Selector,
)

Mask = NDArray[np.bool_]
DIVERSITY, EXPLORATION = "diversity", "exploration"


def arrange(
    live: LiveModel, ordering: Ordering, placement: Placement, circumstances: Circumstances, answer_id: str
) -> Ordering:
    """Return the order after the placement's rules; what it draws follows from `answer_id` alone.

    Steps: exclude and keep only, boosts and buries, diversity, caps, exploration, pins.
    """
    active = circumstances.active(placement.rules)
    if not (active or circumstances.boosts or placement.diversity or placement.exploration):
        return ordering
    desk = _Desk(live, ordering, circumstances)
    by_action: dict[str, list[Rule]] = defaultdict(list)
    for rule in active:
        by_action[BOOST if rule.action == BURY else rule.action].append(rule)
    for rule in [*by_action[EXCLUDE], *by_action[KEEP_ONLY]]:
        desk.keep(rule.products, rule.action == KEEP_ONLY)
    desk.add_named(by_action[PIN])
    for rule in by_action[BOOST]:
        desk.boost(rule.action, rule.id, rule.source, rule.products, rule.amount)
    for boost in circumstances.boosts:
        desk.boost(BOOST if boost.amount > 0 else BURY, boost.source, boost.source, boost.products, boost.amount)
    desk.find_pinned(by_action[PIN])
    desk.diversify(placement)
    desk.cap(by_action[CAP])
    desk.explore(placement, answer_id)
    desk.pin()
    return desk.ordering()


@dataclass
class _Cap:
    """A cap while places are given out."""

    rule: Rule
    left: int
    """Places of the window that are not pinned."""
    counts: Counter[str] = field(default_factory=Counter)

    def is_full(self, value: str) -> bool:
        return bool(value) and self.counts[value] >= self.rule.most


@dataclass
class _Desk:
    """An order in the making: `order` holds positions of the ordering as it came."""

    live: LiveModel
    came: Ordering
    circumstances: Circumstances
    order: Ints = field(init=False)
    scores: Floats = field(init=False)
    parts: dict[str, Floats] = field(init=False)
    steps: list[Step] = field(default_factory=list)
    propensities: Floats | None = None
    """By position of the ordering as it came."""
    kept: list[tuple[Selector, bool]] = field(default_factory=list)
    """Who is left out (False) or alone stays (True)."""
    added: set[int] = field(default_factory=set)
    """Products that were not found but pinned."""
    bounds: list[int] = field(default_factory=list)
    """Windows of the caps, over which nothing may be moved any more."""
    pinned: dict[int, tuple[int, str]] = field(default_factory=dict)
    """(position from 1, rule) by positions of the ordering as it came."""

    def __post_init__(self) -> None:
        self.order = np.arange(len(self.came), dtype=np.int64)
        self.scores = self.came.scores.copy()
        self.parts = dict(self.came.parts)

    def keep(self, products: Selector, those: bool) -> None:
        """Leave out the products meant, or all others."""
        self.kept.append((products, those))
        self.order = self.order[self._meant(products, self.order) == those]

    def find_pinned(self, rules: Sequence[Rule]) -> None:
        """Note who gets which position."""
        taken: set[int] = set()
        for rule in rules:
            position = rule.position
            for at in self.order[self._meant(rule.products, self.order)]:
                while position in taken:
                    position += 1
                if int(at) not in self.pinned:
                    self.pinned[int(at)] = (position, rule.id)
                    taken.add(position)

    def add_named(self, rules: Sequence[Rule]) -> None:
        """Append products of the index that pins name and that were not found, unless a rule leaves them out."""
        there = set(self.came.product_ids)
        titles: dict[str, str] = {}
        for rule in rules:
            for one in rule.products.condition.product_ids:
                title = self.live.title(one) if one not in there else ""
                if title and rule.products.means([one], [title], {})[0]:
                    titles[one] = title
        titles = {
            one: title
            for one, title in titles.items()
            if all(products.means([one], [title], {})[0] == those for products, those in self.kept)
        }
        if not titles or not self.circumstances.may_add:
            return
        more, before = len(titles), len(self.came)
        self.came = replace(
            self.came,
            product_ids=[*self.came.product_ids, *titles],
            titles=[*self.came.titles, *titles.values()],
            sources={name: _longer(source, more) for name, source in self.came.sources.items()},
        )
        self.scores = np.concatenate([self.scores, np.zeros(more)])
        self.parts = {name: np.concatenate([values, np.zeros(more)]) for name, values in self.parts.items()}
        self.order = np.concatenate([self.order, np.arange(before, before + more)]).astype(np.int64)
        self.added |= set(range(before, before + more))

    def boost(self, kind: str, name: str, source: str, products: Selector, amount: float) -> None:
        """Add to the score of the products meant and sort again; equal scores keep their order."""
        meant = np.zeros(len(self.scores), dtype=bool)
        meant[self.order] = self._meant(products, self.order)
        if not meant.any():
            return
        added = np.where(meant, amount, 0.0)
        self.parts[source] = added
        self.scores = self.scores + added
        order = self.order[np.argsort(-self.scores[self.order], kind="stable")]
        self._moved(order, kind, name, meant)

    def diversify(self, placement: Placement) -> None:
        """Re-order the first products so that they are less alike."""
        wanted = placement.diversity
        if wanted is None or not wanted.strength:
            return
        top = self._free()[: wanted.window]
        vectors = _vectors(self.live, [self.came.product_ids[at] for at in top])
        chosen = (dpp if wanted.method == DPP else mmr)(self.scores[top], vectors, wanted.strength)
        self._moved(self._with_first(top[chosen]), DIVERSITY, "")

    def cap(self, rules: Sequence[Rule]) -> None:
        """Let products over a cap wait until its window is over; a window is filled all the same when there are no others."""
        caps = [_Cap(rule, rule.window) for rule in rules]
        for cap in caps:
            for at, (position, _) in self.pinned.items():
                if position <= cap.rule.window:
                    cap.left -= 1
                    cap.counts[self._value(at, cap.rule.attribute)] += 1
        waiting, first = [int(at) for at in self._free()], []
        delayed: dict[int, str] = {}
        for place in range(max((cap.left for cap in caps), default=0)):
            if not waiting:
                break
            open_caps = [cap for cap in caps if cap.left > place]
            chosen = 0
            for index, at in enumerate(waiting):
                full = next((cap for cap in open_caps if cap.is_full(self._value(at, cap.rule.attribute))), None)
                if full is None:
                    chosen = index
                    break
                delayed.setdefault(at, full.rule.id)
            at = waiting.pop(chosen)
            first.append(at)
            for cap in open_caps:
                cap.counts[self._value(at, cap.rule.attribute)] += 1
        self.bounds += [cap.left for cap in caps]
        before = self.order
        self.order = self._with_first(np.array([*first, *waiting], dtype=np.int64))
        for cap in caps:
            meant = np.zeros(len(self.came), dtype=bool)
            meant[[at for at, rule in delayed.items() if rule == cap.rule.id]] = True
            self._note(before, CAP, cap.rule.id, meant)

    def explore(self, placement: Placement, answer_id: str) -> None:
        """Draw the order of some neighbours and note how probable it was."""
        wanted = placement.exploration
        free = self._free()
        if wanted is None or wanted.position > len(free):
            return
        start = wanted.position - 1
        end = min([start + wanted.window, len(free), *(bound for bound in self.bounds if bound > start)])
        if end - start < 2:
            return
        part, random = free[start:end], generator(answer_id)
        draw: Draw = (
            epsilon_slot(len(part), wanted.epsilon, random)
            if wanted.kind == EPSILON
            else plackett_luce(self.scores[part], wanted.temperature, random)
        )
        chosen = free.copy()
        chosen[start:end] = part[draw.order]
        self._moved(self._with_first(chosen), EXPLORATION, "")
        self.propensities = np.ones(len(self.came))
        self.propensities[part[draw.order]] = draw.probabilities[draw.order, np.arange(len(part))]

    def pin(self) -> None:
        """Put the pinned products where they belong, the lowest position first."""
        if not self.pinned:
            return
        order = list(self._free())
        for at, (position, _) in sorted(self.pinned.items(), key=lambda entry: entry[1][0]):
            order.insert(min(position - 1, len(order)), at)
        before, self.order = self.order, np.array(order, dtype=np.int64)
        for name in dict.fromkeys(rule for _, rule in self.pinned.values()):
            meant = np.zeros(len(self.came), dtype=bool)
            meant[[at for at, (_, rule) in self.pinned.items() if rule == name]] = True
            self._note(before, PIN, name, meant)

    def ordering(self) -> Ordering:
        """Return what came of it."""
        order = self.order
        return Ordering(
            product_ids=[self.came.product_ids[at] for at in order],
            titles=[self.came.titles[at] for at in order],
            scores=self.scores[order],
            sources={name: source.taken(order) for name, source in self.came.sources.items()},
            parts={name: values[order] for name, values in self.parts.items()},
            steps=[step.taken(order) for step in self.steps],
            propensities=None if self.propensities is None else self.propensities[order],
            finding=self.came.finding,
        )

    def _free(self) -> Ints:
        """Positions without those that are pinned, in order."""
        if not self.pinned:
            return self.order
        return self.order[~np.isin(self.order, np.array(list(self.pinned), dtype=np.int64))]

    def _with_first(self, first: Ints) -> Ints:
        """Return the order in which `first` come first among those that are not pinned; pinned ones keep their places."""
        free = self._free()
        filled = self.order.copy()
        places = np.flatnonzero(np.isin(self.order, free)) if self.pinned else np.arange(len(free))
        filled[places] = np.concatenate([first, free[~np.isin(free, first)]])
        return filled

    def _moved(self, order: Ints, kind: str, name: str, meant: Mask | None = None) -> None:
        """Take `order` and note who moved: of a boost those that it means, otherwise everybody."""
        before, self.order = self.order, order
        self._note(before, kind, name, meant)

    def _note(self, order: Ints, kind: str, name: str, meant: Mask | None) -> None:
        """Note who moved from `order` to the present one."""
        before, after = _places(order, len(self.came)) + 1, _places(self.order, len(self.came)) + 1
        if self.added:  # where they were before their pin is nothing that anybody saw
            before[list(self.added)] = 0 if kind == PIN else after[list(self.added)]
        moved = before != after if meant is None else meant & (before != after)
        if moved.any():
            self.steps.append(Step(kind, name, before, np.where(moved, after, before)))

    def _meant(self, products: Selector, positions: Ints) -> Mask:
        ids, titles = self.came.product_ids, self.came.titles
        if len(positions) != len(ids) or len(self.order) != len(ids):
            ids, titles = [ids[at] for at in positions], [titles[at] for at in positions]
            return np.array(products.means(ids, titles, self.circumstances.attributes), dtype=bool)
        found = np.array(products.means(ids, titles, self.circumstances.attributes), dtype=bool)
        return found[positions]

    def _value(self, at: int, attribute: str) -> str:
        return self.circumstances.attributes.get(self.came.product_ids[at], {}).get(attribute, "").strip().casefold()


def _longer(source: Source, more: int) -> Source:
    nothing, zeros = np.full(more, np.nan), np.zeros(more, dtype=np.int64)
    return Source(np.concatenate([source.scores, nothing]), np.concatenate([source.ranks, zeros]))


def _places(order: Ints, count: int) -> Ints:
    """Return the place of each position in `order`."""
    places = np.full(count, -1, dtype=np.int64)
    places[order] = np.arange(len(order))
    return places


def _vectors(live: LiveModel, product_ids: Sequence[str]) -> Vectors:
    """Return the embeddings (products, dim); zeros for a product that no index holds, which is like none."""
    vectors = np.zeros((len(product_ids), live.manifest.embedding_dim), dtype=np.float32)
    catalogs: Sequence[Catalog] = (live.search.catalog, live.recommend.catalog)
    for place, product_id in enumerate(product_ids):
        for catalog in catalogs:
            row = catalog.row_of.get(product_id)
            if row is not None:
                vectors[place] = catalog.embeddings[row]
                break
    return vectors
