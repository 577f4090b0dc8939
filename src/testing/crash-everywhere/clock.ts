/** The process's `Date`, which a trial moves forward between two deliveries. */
export interface MovedClock {
  /** Sets `Date` to `ms` after the trial's start, or a little forward if it is past that. Timers are not affected. */
  later(ms: number): void
  /** Begins a trial at 23:30 UTC of today, so that a later delivery falls on another day. */
  begin(): void
  restore(): void
}

/** Half an hour before midnight. */
const BEGIN_AT_MS = (23 * 60 + 30) * 60_000
const DAY_MS = 86_400_000
const A_LITTLE_MS = 1_000

/** Installs a movable `Date`: a key made of the time must not pass just because a test is quick. */
export function moveClock(): MovedClock {
  const RealDate = globalThis.Date
  let shift = 0
  let begunWith = 0
  const now = () => RealDate.now() + shift
  globalThis.Date = new Proxy(RealDate, {
    get: (target, name, receiver) => (name === 'now' ? now : Reflect.get(target, name, receiver)),
    construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
    apply: (target) => new target(now()).toString(),
  })
  return {
    later(ms) {
      shift = Math.max(shift + A_LITTLE_MS, begunWith + ms)
    },
    begin() {
      begunWith = BEGIN_AT_MS - (RealDate.now() % DAY_MS)
      shift = begunWith
    },
    restore() {
      globalThis.Date = RealDate
    },
  }
}
