import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once as event } from 'node:events'
import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cli } from '../integration/cli-kit.ts'
import { tempFile } from '../integration/sqlite-helpers.ts'
import { bundled } from '../support/bundle.ts'
import { describeWith } from '../support/services.ts'
import { bodyOf, later, POST, reply, sleep, until, upstreamOf } from './proxy-kit.ts'
import { secureUpstream } from './tls-kit.ts'

let main = ''

beforeAll(async () => {
  main = await bundled('src/cli/main.ts')
})

interface Proxy {
  readonly process: ChildProcess
  readonly url: string
  said(): string
}

/** `onlyonce proxy` in a process of its own. */
async function start(upstream: string, store: string, ...flags: string[]): Promise<Proxy> {
  const scope = flags.some((flag) => flag.startsWith('--scope')) ? [] : ['--scope-public']
  const args = ['proxy', '--upstream', upstream, '--listen', '0', '--store', store, ...scope, ...flags]
  const child = spawn(process.execPath, ['--no-warnings', main, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk))
  later(() => child.kill('SIGKILL'))
  await until(() => /Guarding .* at http/.test(said) || child.exitCode !== null)
  const [, url] = /Guarding .* at (http\S+)/.exec(said) ?? []
  if (url === undefined) throw new Error(`the proxy did not start: ${said}`)
  return { process: child, url, said: () => said }
}

/** Says nothing to the first request, and answers all others with the attempt that it was told of. */
async function stuckOnce() {
  let asked = 0
  return upstreamOf(async (req, res) => {
    await bodyOf(req)
    if (++asked > 1) reply(res, 200, `attempt ${req.headers['onlyonce-attempt']}`)
  })
}

async function killedInTheMiddle(store: string, ...flags: string[]) {
  const upstream = await stuckOnce()
  const all = ['--lease-ms', '3000', ...flags]
  const first = await start(upstream.url, store, ...all)
  const lost = fetch(first.url, POST('k')).catch((error: Error) => error)
  await until(() => upstream.seen.length === 1)
  // Before the first one dies: starting may take longer than its lease.
  const second = await start(upstream.url, store, ...all)
  first.process.kill('SIGKILL')
  expect(await lost).toBeInstanceOf(Error)
  const ask = () => fetch(second.url, POST('k'))
  return { upstream, ask }
}

describe('onlyonce proxy, killed in the middle of a request', () => {
  it('and started again, lets the lease run out, and then asks once more as attempt 2', async () => {
    const { upstream, ask } = await killedInTheMiddle(`sqlite:${tempFile()}`)
    const answers: number[] = []
    await until(async () => {
      answers.push((await ask()).status)
      await sleep(50)
      return answers.at(-1) === 200
    })
    expect(new Set(answers)).toEqual(new Set([409, 200]))
    expect(await (await ask()).text()).toBe('attempt 2')
    expect(upstream.seen).toHaveLength(2)
  })

  it('asks nobody under --on-abandoned hold', async () => {
    const { upstream, ask } = await killedInTheMiddle(`sqlite:${tempFile()}`, '--on-abandoned', 'hold')
    await until(async () => ((await (await ask()).json()) as { code: string }).code === 'outcome-unknown')
    expect((await ask()).status).toBe(409)
    expect(upstream.seen).toHaveLength(1)
  })
})

describe('an upstream with TLS', () => {
  afterAll(() => {
    delete process.env.NODE_EXTRA_CA_CERTS
  })

  it('is asked once where its authority is known', async () => {
    const upstream = await secureUpstream()
    // Read when a process starts.
    process.env.NODE_EXTRA_CA_CERTS = upstream.cert
    const proxy = await start(upstream.url, 'memory:')
    const replies = [await fetch(`${proxy.url}/orders`, POST('k1')), await fetch(`${proxy.url}/orders`, POST('k1'))]
    expect(await Promise.all(replies.map(async (one) => [one.status, await one.text()]))).toEqual([
      [201, '{"runs":1}'],
      [201, '{"runs":1}'],
    ])
    expect(upstream.runs()).toBe(1)
  }, 30_000)
})

describeWith('redis', (url) => {
  it('two proxies let one of many duplicates through, and one that is killed leaves the rest to the other', async () => {
    let release = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const upstream = await upstreamOf(async (req, res) => {
      await bodyOf(req)
      if (req.url === '/slow') await released
      reply(res, 200, `attempt ${req.headers['onlyonce-attempt']}`)
    })
    const store = `${url}?prefix=proxy-${process.pid}-${Date.now()}`
    const flags = ['--lease-ms', '1500', '--on-in-flight', 'wait']
    const [one, two] = await Promise.all([start(upstream.url, store, ...flags), start(upstream.url, store, ...flags)])
    const answers = await Promise.all(
      Array.from({ length: 60 }, async (_, n) => (await fetch(`${(n % 2 ? one : two).url}/quick`, POST('a'))).text()),
    )
    expect(new Set(answers)).toEqual(new Set(['attempt 1']))
    expect(upstream.seen).toHaveLength(1)
    const lost = fetch(`${one.url}/slow`, POST('b')).catch((error: Error) => error)
    await until(() => upstream.seen.length === 2)
    one.process.kill('SIGKILL')
    expect(await lost).toBeInstanceOf(Error)
    release()
    expect(await (await fetch(`${two.url}/slow`, POST('b'))).text()).toBe('attempt 2')
    expect(upstream.seen).toHaveLength(3)
  })
})

describe('onlyonce proxy, asked to end', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('by %s, finishes what runs and exits with 0', async (signal) => {
    const upstream = await upstreamOf(async (req, res) => {
      await bodyOf(req)
      await sleep(300)
      reply(res, 200, 'finished')
    })
    const file = tempFile()
    const proxy = await start(upstream.url, `sqlite:${file}`)
    const answer = fetch(proxy.url, POST('k'))
    await until(() => upstream.seen.length === 1)
    const exit = event(proxy.process, 'exit')
    proxy.process.kill(signal)
    await until(() => proxy.said().includes('Shutting down'))
    await expect(fetch(proxy.url)).rejects.toThrow()
    expect(await (await answer).text()).toBe('finished')
    expect(await exit).toEqual([0, null])
    const again = await start(upstream.url, `sqlite:${file}`)
    expect((await fetch(again.url, POST('k'))).headers.get('idempotency-replayed')).toBe('true')
  })

  it('exits with 1 when something does not finish in time, and says so', async () => {
    const upstream = await upstreamOf(() => {})
    const proxy = await start(upstream.url, `sqlite:${tempFile()}`, '--drain-ms', '100')
    const lost = fetch(proxy.url, POST('k')).catch((error: Error) => error)
    await until(() => upstream.seen.length === 1)
    const exit = event(proxy.process, 'exit')
    proxy.process.kill('SIGTERM')
    expect(await exit).toEqual([1, null])
    expect(await lost).toBeInstanceOf(Error)
    expect(proxy.said()).toContain('counts as abandoned')
  })
})

const PYTHON = `
import json, socket, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
runs = 0
class Handler(BaseHTTPRequestHandler):
    protocol_version = sys.argv[1]
    def do_POST(self):
        global runs
        runs += 1
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        if self.path == '/drop':
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        answer = json.dumps({'runs': runs, 'got': len(body), 'attempt': self.headers.get('Onlyonce-Attempt')}).encode()
        self.send_response(201)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Set-Cookie', 'a=1')
        self.send_header('Set-Cookie', 'b=2')
        if sys.argv[1] == 'HTTP/1.1':
            self.send_header('Content-Length', str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
    def log_message(self, *args):
        pass
server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
`
const python = ['python3', 'python'].find((name) => spawnSync(name, ['-c', 'import http.server']).status === 0)

describe('in front of a service that is not written for Node', () => {
  it.skipIf(python === undefined && process.env.CI !== 'true').each(['HTTP/1.0', 'HTTP/1.1'])(
    'onlyonce proxy guards Python on %s (skipped where there is no Python)',
    async (version) => {
      const child = spawn(python as string, ['-c', PYTHON, version], { stdio: ['ignore', 'pipe', 'inherit'] })
      later(() => child.kill('SIGKILL'))
      const [port] = (await event(child.stdout, 'data')) as [Buffer]
      const flags = ['--scope-header', 'x-tenant', '--max-request-bytes', '5000000', '--lease-ms', '60000']
      const proxy = await start(`http://127.0.0.1:${Number(port)}`, 'memory:', ...flags)
      const ask = (path: string, key: string) =>
        fetch(proxy.url + path, POST(key, 'x'.repeat(2_000_000), { 'x-tenant': 'a' }))
      const [first, second] = [await ask('/', 'k'), await ask('/', 'k')]
      expect(first.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
      expect(await first.json()).toEqual({ runs: 1, got: 2_000_000, attempt: '1' })
      expect(await second.json()).toEqual({ runs: 1, got: 2_000_000, attempt: '1' })
      expect(second.headers.get('idempotency-replayed')).toBe('true')
      expect((await ask('/drop', 'd')).status).toBe(504)
      expect((await ask('/drop', 'd')).status).toBe(409)
      expect(await (await ask('/', 'other')).json()).toMatchObject({ runs: 3 })
    },
  )
})

describe('the command line of proxy', () => {
  const base = ['proxy', '--upstream', 'http://127.0.0.1:9', '--listen', '0', '--store', 'memory:']

  it.each([
    [['proxy'], '--upstream'],
    [['proxy', '--upstream', 'http://x'], '--listen'],
    [['proxy', '--upstream', 'http://x', '--listen', 'x:y'], 'host:port'],
    [['proxy', '--upstream', 'http://x', '--listen', '70000'], 'host:port'],
    [base, 'whose keys'],
    [[...base, '--scope-public', '--scope-header', 'x'], 'whose keys'],
    [[...base.slice(0, -2), '--scope-public'], 'no store was named'],
    [[...base, '--scope-public', '--max-in-flight', '0'], 'whole number above 0'],
    [[...base, '--scope-public', '--on-abandoned', 'guess'], 'retry, hold'],
    [[...base, '--scope-public', '--routes', '/nowhere.json'], '/nowhere.json'],
    [[...base, '--scope-public', '--methods', 'PO ST'], 'methods'],
    [['proxy', '--upstream', 'http://u:secret@x', '--listen', '0', '--store', 'memory:', '--scope-public'], 'upstream'],
  ])('%j exits with 2 and says why', async (argv, message) => {
    const said = await cli(argv)
    expect(said).toMatchObject({ code: 2, out: '' })
    expect(said.err).toContain(message)
    expect(said.err).not.toContain('secret')
  })

  it('says which port is taken, and by which option to name another one', async () => {
    const taken = new URL((await upstreamOf((_, res) => reply(res, 200))).url).port
    const flags = ['--upstream', 'http://127.0.0.1:9', '--store', 'memory:', '--scope-public']
    expect(await cli(['proxy', ...flags, '--listen', taken])).toMatchObject({
      code: 2,
      err: expect.stringContaining(`port ${taken} is taken: name another one with --listen`),
    })
    expect(await cli(['proxy', ...flags, '--listen', '0', '--admin-listen', taken])).toMatchObject({
      code: 2,
      err: expect.stringContaining(`port ${taken} is taken: name another one with --admin-listen`),
    })
  })

  it('reads routes from a file, and names what is wrong with them', async () => {
    const routes = tempFile('routes.json')
    writeFileSync(routes, '[{"path":"/orders","requird":true}]')
    const said = await cli([...base, '--scope-public', '--routes', routes])
    expect(said).toMatchObject({ code: 2 })
    expect(said.err).toContain('routes[0].requird')
    writeFileSync(routes, '[{"path":"/orders","required":true}]')
    const upstream = await upstreamOf((_, res) => reply(res, 200))
    const proxy = await start(upstream.url, 'memory:', '--routes', routes)
    expect((await fetch(`${proxy.url}/orders`, { method: 'POST' })).status).toBe(400)
    expect((await fetch(`${proxy.url}/others`, { method: 'POST' })).status).toBe(200)
  })
})

describe('onlyonce proxy without its store', () => {
  it('says why once, and not for every request, and does not tell the password', async () => {
    const upstream = await upstreamOf((_req, res) => reply(res, 200, 'asked'))
    const { url, said } = await start(upstream.url, 'redis://somebody:secret@127.0.0.1:1')
    for (const key of ['a', 'b']) expect((await fetch(url, POST(key))).status).toBe(503)
    await until(() => said().includes('ECONNREFUSED'))
    const lines = said()
      .split('\n')
      .filter((line) => line.includes('ECONNREFUSED'))
    expect(lines).toEqual([expect.stringMatching(/^onlyonce: the store failed: .*ECONNREFUSED 127.0.0.1:1/)])
    expect(said()).not.toContain('secret')
    expect(upstream.seen).toHaveLength(0)
  })
})
