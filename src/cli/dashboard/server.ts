import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { OnlyonceError, reasonOf } from '../../core/errors.ts'
import { CliError } from '../exit.ts'
import type { StoreAtHand } from '../store.ts'
import { createAccess, isOwnForm } from './access.ts'
import { documentOf, message, type Page, type Place } from './page.ts'
import { createRoutes, type RouteOptions } from './routes.ts'
import { STYLE } from './style.ts'

export interface DashboardOptions extends RouteOptions {
  readonly listen: { readonly host?: string; readonly port: number }
  readonly label: string | undefined
  /** Default: a random one. */
  readonly token: string | undefined
}

export interface Dashboard {
  /** With the token: whoever has it is let in. */
  readonly url: string
  close(): Promise<void>
}

/** More than any form of ours; a value that is resolved by hand is at most 1 MiB. */
const MAX_FORM_BYTES = 2 * 1024 * 1024

const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
} as const

/** Serves the dashboard until closed. @throws the system's error when the port is taken */
export async function startDashboard(store: StoreAtHand, options: DashboardOptions): Promise<Dashboard> {
  const { listen, isWritable, label, log } = options
  const { host = '127.0.0.1', port } = listen
  const token = options.token ?? randomBytes(24).toString('base64url')
  const routes = createRoutes(store, options)
  const place = { storeName: store.name, label, isWritable, hasOutbox: store.outbox !== undefined }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const query = new URLSearchParams(/\?.*/s.exec(request.url ?? '')?.[0])
    const given = query.get('token')
    if (given !== null && access.isToken(given)) {
      response.writeHead(303, { ...HEADERS, location: '?view=health', 'set-cookie': access.cookie }).end()
      return
    }
    if (!access.isLetIn(request)) return send(response, 401, STRANGERS, NOWHERE)
    if (request.method === 'GET' || request.method === 'HEAD') return send(response, 200, await routes.show(query))
    if (request.method !== 'POST') return send(response, 405, message('Only GET and POST.'))
    if (!isWritable) return send(response, 403, message('This dashboard is read only: start it with --write.'))
    if (!isOwnForm(request))
      return send(response, 403, message('The form came from another site: nothing was changed.'))
    const form = await formOf(request)
    if (form === undefined) return send(response, 413, message(`A form may have ${MAX_FORM_BYTES} bytes.`))
    send(response, 200, await routes.change(query, form))
  }

  function send(response: ServerResponse, status: number, page: Page, here: Place = place): void {
    response.writeHead(page.status ?? status, HEADERS).end(documentOf(here, page))
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      const isRefusal = error instanceof CliError
      if (!isRefusal) log(reasonOf(error))
      const status = isRefusal ? 409 : OnlyonceError.is(error) && error.code === 'STORE_UNAVAILABLE' ? 503 : 500
      send(response, status, message(reasonOf(error)))
    })
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve))
  const { port: actual } = server.address() as AddressInfo
  const access = createAccess(token, actual)
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${actual}/?token=${encodeURIComponent(token)}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** What strangers get says nothing about the store. */
const NOWHERE: Place = { storeName: '', label: undefined, isWritable: false, hasOutbox: false }
const STRANGERS = message('Open the address that `onlyonce dashboard` has printed: it has the token that lets you in.')

/** Reads a form to its end, so that the answer can be read. Returns `undefined` for one that is too large. */
async function formOf(request: IncomingMessage): Promise<URLSearchParams | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += (chunk as Buffer).length
    if (size <= MAX_FORM_BYTES) chunks.push(chunk as Buffer)
  }
  return size > MAX_FORM_BYTES ? undefined : new URLSearchParams(Buffer.concat(chunks).toString('utf8'))
}
