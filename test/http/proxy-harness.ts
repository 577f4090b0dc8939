import { createServer } from 'node:http'
import { type ProxyOptions, startProxy } from '../../src/http/proxy/server.ts'
import type { HttpHarness, HttpServeSpec } from '../../src/testing/index.ts'
import { listen, shut } from './harness/listen.ts'
import { readAll, sendScript } from './harness/script.ts'

/** The proxy, and behind it a service that knows nothing of it. */
async function serve({ once, options, routes }: HttpServeSpec) {
  const upstream = createServer((req, res) => {
    const answer = async () => {
      const { pathname } = new URL(req.url ?? '', 'http://x')
      const route = routes.find(({ method, mount = '', path }) => method === req.method && mount + path === pathname)
      if (route === undefined) return void res.writeHead(404).end()
      await sendScript(res, await route.run({ body: await readAll(req), op: undefined }))
    }
    answer().catch(() => (res.headersSent ? res.destroy() : res.writeHead(500).end('failed')))
  })
  const { scope, fingerprint = 'canonical', atomic: _, ...guard } = options as ProxyOptions['guard'] & typeof options
  const proxy = await startProxy(once, {
    upstream: await listen(upstream),
    listen: { port: 0 },
    scope,
    guard: { ...guard, fingerprint },
  })
  return {
    url: proxy.url,
    describe: proxy.describe,
    async close() {
      await proxy.close(2_000)
      await shut(upstream)
    },
  }
}

export const proxyHarness: HttpHarness = { serve }
