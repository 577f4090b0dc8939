import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestProject } from 'vitest/node'
import {
  KINDS,
  type Kind,
  keepLogs,
  type LaunchedService,
  launch,
  MissingServer,
  variableOf,
} from '../../services/launch.mjs'

/** The answer to a test file that asks for a shared server. */
export type ServiceAnswer = { readonly url: string } | { readonly missing: string } | { readonly failed: string }

/** The variable with the address to ask at, set for the workers of the run. */
export const SHARED_SERVICES = 'ONLYONCE_TEST_SERVICES'

/** One server of each kind for the whole run, started when the first test file asks for it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const started = new Map<Kind, Promise<LaunchedService>>()

  async function answer(kind: Kind): Promise<ServiceAnswer> {
    const given = process.env[variableOf(kind)]
    if (given !== undefined && given !== '') return { url: given }
    const service = started.get(kind) ?? launch(kind)
    started.set(kind, service)
    try {
      return { url: (await service).url }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      return error instanceof MissingServer ? { missing: reason } : { failed: reason }
    }
  }

  const desk = createServer((request, response) => {
    const kind = KINDS.find((one) => request.url === `/${one}`)
    if (kind === undefined) return void response.writeHead(404).end()
    void answer(kind).then((body) => response.end(JSON.stringify(body)))
  })
  await new Promise<void>((resolve) => desk.listen(0, '127.0.0.1', resolve))
  process.env[SHARED_SERVICES] = `http://127.0.0.1:${(desk.address() as AddressInfo).port}`

  return async () => {
    desk.close()
    desk.closeAllConnections()
    const services = await Promise.allSettled(started.values())
    const launched = services.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    if (project.vitest.state.getCountOfFailedTests() > 0)
      for (const { kind, dir } of launched) console.error(`the log of ${kind} is kept in ${keepLogs(kind, dir)}`)
    await Promise.all(launched.map((service) => service.stop()))
  }
}
