// Which time a plot shows. A range is `{ length }`, which ends now and goes on (of length 0: all there is), or
// `{ from, to }`, which stays. All in ms.

const SHORTEST = 10 * 1000;
/** A range that ends this near to the end of a live one, as a part of it, is meant to go on. */
const NEAR = 0.03;

/** Does its end move with the time? */
export const goesOn = (range) => range.length !== undefined;

/** The present ends of a range; `first`: when the sensor began. */
export function edges(range, now, first) {
  if (!goesOn(range)) return [range.from, range.to];
  return [range.length === 0 ? Math.min(first ?? now, now - SHORTEST) : now - range.length, now];
}

/** The range from here to there. It goes on if it ends now, and is all there is if it also begins with the first reading. */
function between(from, to, now, first) {
  const length = Math.max(to - from, SHORTEST);
  if (to < now - NEAR * length) return { from, to: from + length };
  return first !== null && from <= first ? { length: 0 } : { length };
}

/** The part of a range that was dragged over. */
export const part = (range, from, to, now, first) =>
  goesOn(range) ? between(from, to, now, first) : { from, to: Math.max(to, from + SHORTEST) };

/** Moves by half of its length towards the past (-1) or the present (1). */
export function move(range, direction, now, first) {
  const [from, to] = edges(range, now, first);
  const by = (direction * (to - from)) / 2;
  if (to + by >= now) return goesOn(range) ? range : { length: to - from };
  return { from: from + by, to: to + by };
}

/** Half or twice as long; the end of a live range stays where it is. */
export function scale(range, factor, now, first) {
  const [from, to] = edges(range, now, first);
  const length = Math.max((to - from) * factor, SHORTEST);
  const end = goesOn(range) ? now : Math.min(now, (from + to + length) / 2);
  return between(end - length, end, now, first);
}
