// Fastify bare, behind onlyonce and behind a rival, and the proxy with and without its guard, in turn; never a test.
//   npm run bench:http [-- --only NAME] [--seconds N] [--json FILE] [--write]
import { fileURLToPath } from 'node:url'
import { versionsOf } from '../machine.mjs'
import { runSections } from '../sections.mjs'
import { versions } from '../stores/versions.mjs'
import { installRivals } from '../vs/install.mjs'
import { fastify } from './fastify.mjs'
import { proxy } from './proxy.mjs'

await installRivals()
const page = new URL('../../docs/reference/performance-http.md', import.meta.url)
await runSections([fastify, proxy], page, async (servers) => ({
  ...(await versions(servers)),
  ...versionsOf(['fastify', 'autocannon'], fileURLToPath(import.meta.url)),
  ...versionsOf(['@node-idempotency/core'], fileURLToPath(new URL('../vs/rivals/', import.meta.url))),
}))
