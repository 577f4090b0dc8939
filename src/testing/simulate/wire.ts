import type { SendFault } from './faults.ts'
import type { Life } from './worker.ts'

/** The sender's error when a connection breaks. */
class ConnectionBroken extends Error {}

export interface WireOptions {
  /** Sent on its own connection, so it cannot arrive twice. */
  readonly onceOnly?: boolean
}

/**
 * Carries one request from a process to a service, and the answer back. `apply` is what the service does, in one step,
 * when the request arrives: never, once, or twice.
 */
export function overTheWire<T>(
  life: Life,
  verb: string,
  apply: () => Promise<T>,
  { onceOnly = false }: WireOptions = {},
): Promise<T> {
  // A process that has just crashed sends nothing more.
  if (!life.alive) return new Promise(() => {})
  const { world } = life.worker
  const { dice } = world
  const fault = faultOf(world.plan.send(verb), onceOnly)
  if (fault !== undefined) {
    life.heldUpAt = world.now + ('ms' in fault ? fault.ms : 0)
    world.count(`fault: ${fault.kind}`)
    world.count(`${fault.kind} at ${verb}`)
    if (world.trace !== undefined) world.note(`${life.name} -> ${verb} FAULT ${describe(fault)}`)
  }
  const hop = () => dice.between(1, 8)
  return new Promise<T>((resolve, reject) => {
    const answer = (ms: number, tell: () => void) => void world.delayed(ms, `${verb} answered`, tell, life)
    const broken = (what: string) => answer(hop(), () => reject(new ConnectionBroken(`${verb}: the ${what} was lost`)))
    const arrive = () => {
      apply().then(
        (value) => {
          if (fault?.kind === 'lost-reply') {
            if (!fault.silent) broken('reply')
            return
          }
          answer(fault?.kind === 'slow-reply' ? fault.ms : hop(), () => resolve(value))
        },
        (error) => answer(hop(), () => reject(error)),
      )
    }
    if (fault?.kind === 'crash-at-send') return life.worker.crash(fault.downMs)
    if (fault?.kind === 'lost-request') {
      if (!fault.silent) broken('request')
      return
    }
    world.delayed(fault?.kind === 'slow-request' ? fault.ms : hop(), `${verb} arrives`, arrive)
    if (fault?.kind === 'sent-again') {
      world.delayed(fault.ms, `${verb} arrives again`, () => void apply().catch(() => {}))
    }
  })
}

function faultOf(fault: SendFault | undefined, onceOnly: boolean): SendFault | undefined {
  return onceOnly && fault?.kind === 'sent-again' ? undefined : fault
}

function describe(fault: SendFault): string {
  return JSON.stringify(fault)
}
