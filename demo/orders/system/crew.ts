import type { Victim } from '../faults/kills.ts'
import { type Child, type ChildEvents, startChild } from './child.ts'
import { CONSUMERS, type Consumer, type Role, type WorkerSetup } from './messages.ts'

/** The processes of one run. */
export interface Crew {
  /** Starts gateway, API, consumers and, if there is one, the relay; resolves when all are ready. */
  start(): Promise<void>
  /** Starts a process whose work ends; resolves with its result. */
  finish<T>(role: 'client' | 'audit', events?: Partial<ChildEvents>): Promise<T>
  /** When the victim became ready; undefined while it starts. */
  workingSince(victim: Victim): number | undefined
  kill(victim: Victim): void
  /** Kills all processes, without restarts. */
  stop(): Promise<void>
}

export interface CrewOptions {
  readonly setup: Omit<WorkerSetup, 'role' | 'gatewayPort'>
  readonly onDelivered: (consumer: Consumer, count: number) => void
  readonly onBroken: (error: Error) => void
}

const APIS = ['api-1', 'api-2'] as const

export function createCrew({ setup, onDelivered, onBroken }: CrewOptions): Crew {
  const children = new Map<string, Child>()
  const apiPorts = new Map<string, number>()
  const hasRelay = setup.variant === 'onlyonce'
  let gatewayPort = 0
  let stopped = false

  function launch(name: string, role: Role, events: Partial<ChildEvents> = {}): Child {
    if (stopped) throw new Error('the crew was stopped')
    const child = startChild(name, { ...setup, role, gatewayPort }, { onBroken, ...events })
    children.set(name, child)
    return child
  }

  /** An API worker gets another port at every restart, like any pool of workers behind one name. */
  function launchApi(name: string): Child {
    const move = (port: number | undefined) => {
      if (port === undefined) apiPorts.delete(name)
      else apiPorts.set(name, port)
      tellClient()
    }
    return launch(name, 'api', { onReady: move, onGone: () => move(undefined) })
  }

  function tellClient(): void {
    children.get('client')?.send({ type: 'addresses', ports: [...apiPorts.values()] })
  }

  /** Without a relay the API publishes, so one of its processes is killed instead. */
  function nameOf(victim: Victim): string {
    if (victim !== 'publisher') return victim
    return hasRelay ? 'relay' : 'api-1'
  }

  return {
    async start() {
      gatewayPort = (await launch('gateway', 'gateway').ready) ?? 0
      const consumers = CONSUMERS.map((name) => launch(name, name, { onProgress: (done) => onDelivered(name, done) }))
      const relays = hasRelay ? [launch('relay', 'relay')] : []
      await Promise.all([...APIS.map(launchApi), ...consumers, ...relays].map((child) => child.ready))
    },
    finish: async <T>(role: 'client' | 'audit', events: Partial<ChildEvents> = {}) => {
      const child = launch(role, role, { onReady: tellClient, ...events })
      return (await child.finished) as T
    },
    workingSince: (victim) => children.get(nameOf(victim))?.workingSince(),
    kill: (victim) => children.get(nameOf(victim))?.kill(),
    async stop() {
      stopped = true
      await Promise.all([...children.values()].map((child) => child.stop()))
    },
  }
}
