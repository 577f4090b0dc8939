// The command line's proxy in front of a service that knows nothing of keys.
import { spawn } from 'node:child_process'
import { once as event } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'

let charges = 0
const service = createServer((request, response) => {
  charges++
  console.log('charging, attempt', request.headers['onlyonce-attempt'])
  response.writeHead(201, { 'content-type': 'text/plain' }).end(`charge ${charges}`)
})
service.listen(0, '127.0.0.1')
await event(service, 'listening')
const { port } = service.address() as AddressInfo

const cli = fileURLToPath(new URL('dist/cli/main.js', import.meta.resolve('onlyonce/package.json')))
const flags = ['--listen', '0', '--store', 'sqlite:proxy.db', '--scope-header', 'authorization']
const proxy = spawn(process.execPath, [cli, 'proxy', '--upstream', `http://127.0.0.1:${port}`, ...flags])
const [said] = (await event(proxy.stderr, 'data')) as [Buffer]
const [, url = ''] = /Guarding .* at (\S+)/.exec(said.toString()) ?? []

for (const authorization of ['Bearer ann', 'Bearer ann', 'Bearer bob', '']) {
  const headers = { 'idempotency-key': 'order-1100', ...(authorization === '' ? {} : { authorization }) }
  const answer = await fetch(`${url}/charges`, { method: 'POST', headers, body: '{"pence":4200}' })
  console.log(answer.status, answer.headers.get('idempotency-replayed'), answer.ok ? await answer.text() : 'refused')
}

proxy.kill('SIGTERM')
const [code] = await event(proxy, 'exit')
console.log('the proxy ended with', code)
service.close()
service.closeAllConnections()

// prints: charging, attempt 1
// prints: 201 null charge 1
// prints: 201 true charge 1
// prints: charging, attempt 1
// prints: 201 null charge 2
// prints: 401 null refused
// prints: the proxy ended with 0
