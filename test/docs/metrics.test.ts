import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { onlyonce } from '../../src/core/engine.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { prometheus } from '../../src/telemetry/prometheus.ts'

const read = (file: string) => readFileSync(join(import.meta.dirname, '../../docs', file), 'utf8')
const namesIn = (text: string) => new Set(text.match(/\bonlyonce_[a-z_]+/g))

/** The names of all metrics, as the text format has them. */
async function names(): Promise<ReadonlySet<string>> {
  const store = { ...memoryStore(), claim: () => Promise.reject(new Error('down')) }
  const once = onlyonce({ store, scope: 's', storeTimeoutMs: 20 })
  const metrics = prometheus({ payments: once })
  metrics.consumer('ledger')
  metrics.relay('orders')
  await once('a', () => {}).catch(() => {})
  return namesIn(metrics.text().replaceAll(/^#.*$/gm, ''))
}

it.each(['metrics/grafana.json', 'metrics/alerts.yaml'])('%s asks for metrics that there are', async (file) => {
  const known = await names()
  const asked = namesIn(read(file))
  expect(asked.size).toBeGreaterThan(3)
  expect([...asked].filter((name) => !known.has(name))).toEqual([])
})

it('the page names every metric, and no other', async () => {
  const told = namesIn(read('how-to/metrics.md'))
  const bare = new Set([...(await names())].map((name) => name.replace(/(_seconds)_(?:bucket|sum|count)$/, '$1')))
  expect([...told].toSorted()).toEqual([...bare].toSorted())
})

it('the dashboard is for every data source and engine, and its panels are told apart', () => {
  const { panels, templating } = JSON.parse(read('metrics/grafana.json'))
  const ids = panels.map(({ id }: { id: number }) => id)
  expect(new Set(ids).size).toBe(ids.length)
  expect(templating.list.map(({ name }: { name: string }) => name)).toEqual(['datasource', 'engine'])
  const sources = panels.flatMap(({ datasource }: { datasource?: { uid: string } }) => datasource?.uid ?? [])
  for (const uid of sources) expect(uid).toMatch(/^\$\{datasource\}$/)
  expect(sources.length).toBeGreaterThan(10)
})
