import { setTimeout as sleep } from 'node:timers/promises'
import type { Dice } from './dice.ts'
import { type LostReplies, loseReplies } from './lost-replies.ts'
import type { Place } from './places.ts'
import { type Fault, LEASE_MS, WORKERS } from './plan.ts'
import type { Workers } from './workers.ts'

/** How often each comes in one round. */
const DECK: Readonly<Record<Fault, number>> = {
  kill: 5,
  pause: 3,
  reset: 2,
  blackhole: 1,
  'lost reply': 4,
  restart: 1,
  'file lock': 2,
}

const EVERY_MS = 300

/** Makes faults until `until`, puts everything back, and answers how many of each there were. */
export async function makeFaults(
  place: Place,
  workers: Workers,
  dice: Dice,
  until: number,
): Promise<Map<Fault, number>> {
  const counts = new Map<Fault, number>(place.faults.map((fault) => [fault, 0]))
  const replies = loseReplies(place.proxies, place.telling)
  const underWay = new Set<Promise<void>>()
  const failed: unknown[] = []
  const act = createActs(place, workers, dice, replies)
  let deck: Fault[] = []
  while (Date.now() < until && failed.length === 0) {
    if (deck.length === 0) deck = dice.shuffled(place.faults.flatMap((fault) => Array(DECK[fault]).fill(fault)))
    const fault = deck.pop() as Fault
    const acting = act[fault]().then(
      (happened) => void (happened && counts.set(fault, (counts.get(fault) ?? 0) + 1)),
      (error) => void failed.push(error),
    )
    underWay.add(acting)
    void acting.then(() => underWay.delete(acting))
    await sleep(dice.between(EVERY_MS / 2, EVERY_MS * 1.5))
  }
  await Promise.all(underWay)
  replies.disarm()
  for (const proxy of place.proxies) proxy.resume()
  if (failed.length > 0) throw failed[0]
  if (counts.has('lost reply')) counts.set('lost reply', replies.lost)
  return counts
}

/** Each answers whether it happened. */
function createActs(
  { proxies, servers, lockFile }: Place,
  workers: Workers,
  dice: Dice,
  replies: LostReplies,
): Record<Fault, () => Promise<boolean>> {
  const anyWorker = () => Math.floor(dice.between(0, WORKERS))
  /** A proxy has one state; what two faults do to it at a time would be neither. */
  const busy = new Set<unknown>()
  const alone = async (what: object | undefined, work: () => Promise<void>): Promise<boolean> => {
    if (what === undefined || busy.has(what)) return false
    busy.add(what)
    await work().finally(() => busy.delete(what))
    return true
  }
  const proxied = (name: 'cut' | 'blackhole', ms: number) => {
    const proxy = dice.pick(proxies)
    return alone(proxy, async () => {
      proxy[name]()
      await sleep(ms)
      proxy.resume()
    })
  }
  return {
    kill: async () => {
      await workers.kill(anyWorker())
      return true
    },
    pause: () => workers.pause(anyWorker(), dice.between(1.3, 2.5) * LEASE_MS),
    reset: () => proxied('cut', dice.between(0, 100)),
    blackhole: () => proxied('blackhole', dice.between(0.3, 1.5) * LEASE_MS),
    'lost reply': async () => {
      replies.arm()
      return false
    },
    restart: () => {
      const server = dice.pick(servers)
      return alone(server, () => server.restart('immediate'))
    },
    'file lock': () => alone(replies, async () => lockFile?.(dice.between(0.3, 1.5) * LEASE_MS)),
  }
}
