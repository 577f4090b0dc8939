import { spawnSync } from 'node:child_process'
import { once as event } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { later } from './fetch-kit.ts'

/** A service that speaks TLS under a name that no public authority vouches for; `cert` is the file that does. */
export async function secureUpstream() {
  const directory = mkdtempSync(join(tmpdir(), 'onlyonce-tls-'))
  later(() => rmSync(directory, { recursive: true, force: true }))
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-keyout', key, '-out', cert, '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'],
  ])
  if (made.status !== 0) throw new Error(`openssl made no certificate: ${made.error?.message ?? made.stderr}`)
  let runs = 0
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (req, res) => {
    req.resume().on('end', () => res.writeHead(201, { 'content-type': 'application/json' }).end(`{"runs":${++runs}}`))
  })
  server.listen(0, '127.0.0.1')
  await event(server, 'listening')
  later(() => {
    server.close()
    server.closeAllConnections()
  })
  return { url: `https://localhost:${(server.address() as AddressInfo).port}`, cert, runs: () => runs }
}
