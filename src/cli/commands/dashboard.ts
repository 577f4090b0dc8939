import { EXIT, portTaken, usage } from '../exit.ts'
import { type Io, line } from '../io.ts'
import { shutdownAsked } from '../shutdown.ts'
import { storeUrl, withStore } from '../store.ts'
import { storeFlag } from '../store-flag.ts'
import { printableLines } from '../text.ts'

export interface DashboardCommandOptions {
  readonly store?: string
  readonly listen: { readonly host?: string; readonly port: number }
  readonly write?: boolean
  readonly label?: string
}

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/i
/** What is easily guessed lets anybody in. */
const MIN_TOKEN_LENGTH = 16

/** Serves the dashboard until it is asked to end. */
export async function dashboard(io: Io, options: DashboardCommandOptions): Promise<number> {
  const { store: flag, listen, write = false, label } = options
  const url = storeUrl(io, flag)
  const token = io.env.ONLYONCE_DASHBOARD_TOKEN || undefined
  if (token !== undefined && !/^[\w.~-]+$/.test(token))
    throw usage('ONLYONCE_DASHBOARD_TOKEN may have letters, digits and - . _ ~')
  if (token !== undefined && token.length < MIN_TOKEN_LENGTH)
    throw usage(
      `ONLYONCE_DASHBOARD_TOKEN must have at least ${MIN_TOKEN_LENGTH} characters: it is all that keeps strangers out`,
    )
  const say = (text: string) => line(io.stderr, printableLines(text))
  const { startDashboard } = await import('../dashboard/server.ts')
  return withStore(url, async (store) => {
    const asked = shutdownAsked()
    const log = (text: string) => say(`${new Date().toISOString()} ${text}`)
    const flags = { storeUrl: url, storeFlag: storeFlag(flag), listen, isWritable: write, label, token, log }
    const running = await startDashboard(store, flags).catch((error) => portTaken(error, '--listen'))
    say(
      `Dashboard of the ${store.name} store, ${write ? 'with changes allowed' : 'read only (--write allows changes)'}:`,
    )
    line(io.stdout, running.url)
    if (!LOOPBACK.test(listen.host ?? '127.0.0.1'))
      say('This is plain HTTP: whoever can read the traffic can read the token. Put TLS in front of it.')
    await asked
    await running.close()
    return EXIT.ok
  })
}
