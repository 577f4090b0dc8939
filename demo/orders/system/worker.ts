// The program of every process of the order system; the supervisor assigns its role.
import { type Role, SETUP, type Started, type WorkerSetup } from './messages.ts'
import { tell } from './progress.ts'

/** Loaded on demand, so that a killed worker is ready again quickly. */
const ROLES: Record<Role, (setup: WorkerSetup) => Promise<Started>> = {
  gateway: async (setup) => (await import('../roles/gateway.ts')).gateway(setup),
  client: async (setup) => (await import('../roles/client.ts')).client(setup),
  api: async (setup) => (await import('../roles/api.ts')).api(setup),
  relay: async (setup) => (await import('../roles/relay.ts')).relayRole(setup),
  coupon: async (setup) => (await import('../roles/consumer.ts')).consumer(setup),
  points: async (setup) => (await import('../roles/consumer.ts')).consumer(setup),
  fulfilment: async (setup) => (await import('../roles/consumer.ts')).consumer(setup),
  audit: async (setup) => (await import('../roles/auditor.ts')).auditor(setup),
}

// No process outlives the supervisor, however that ended. Ctrl-C, which the terminal sends to all processes, is handled
// by the supervisor.
process.on('disconnect', () => process.exit(0))
// The supervisor may have ended before this process listened.
if (!process.connected) process.exit(0)
process.on('SIGINT', () => {})

const setup = JSON.parse(process.env[SETUP] ?? '{}') as WorkerSetup
const { port, finished } = await ROLES[setup.role](setup)
tell({ type: 'ready', port })
if (finished !== undefined) tell({ type: 'finished', result: await finished })
