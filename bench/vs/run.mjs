// onlyonce compared with other libraries for the same purpose, alternating on the same private servers. Never a test.
//   npm run bench:vs [-- --only NAME] [--seconds N] [--json FILE] [--write] [--keys 200000]
import { fileURLToPath } from 'node:url'
import { versionsOf } from '../machine.mjs'
import { runSections } from '../sections.mjs'
import { versions } from '../stores/versions.mjs'
import { bytes } from './bytes.mjs'
import { installRivals, RIVALS } from './install.mjs'
import { throughput } from './throughput.mjs'
import { traffic } from './traffic.mjs'

await installRivals()
await runSections(
  [throughput, traffic, bytes],
  new URL('../../docs/reference/performance-stores.md', import.meta.url),
  async (servers) => ({
    ...(await versions(servers)),
    ...versionsOf(RIVALS, fileURLToPath(new URL('./rivals/', import.meta.url))),
  }),
)
