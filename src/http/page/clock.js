// The peer's clock. A phone's clock may be wrong, and ages are differences of the peer's times.

let ahead = 0;

export function adjust(peerNow) {
  ahead = peerNow - Date.now();
}

/** The peer's time, in ms since 1970. */
export const now = () => Date.now() + ahead;
