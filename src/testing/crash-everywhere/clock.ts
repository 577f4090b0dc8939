/** The process's calendar, which a trial sets forward between two deliveries. */
export interface MovedClock {
  /** Sets `Date` to `ms` after the trial's beginning, or a little further when it is there already. Timers do not notice. */
  later(ms: number): void
  /** Begins a trial: 23:30 UTC of today, so that a later delivery comes on another day. */
  begin(): void
  restore(): void
}

/** Half an hour before midnight. */
const BEGIN_AT_MS = (23 * 60 + 30) * 60_000
const DAY_MS = 86_400_000
const A_LITTLE_MS = 1_000

/** Puts a `Date` in place whose now can be moved: a key made of the time must not survive because a test is quick. */
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
