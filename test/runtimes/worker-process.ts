import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { build } from 'esbuild'
import { root } from '../built.ts'

export interface RunningWorker {
  readonly url: string
  stop(): Promise<void>
}

/**
 * A worker of its own on a free port, from the built package as bundlers find it.
 * @param objects names the classes of its Durable Objects, which are also the names of their bindings
 */
export async function startWorker(
  binary: string,
  source: string,
  store = '',
  objects: readonly string[] = [],
): Promise<RunningWorker> {
  const folder = mkdtempSync(join(tmpdir(), 'onlyonce-worker-'))
  await build({
    stdin: { contents: source, resolveDir: join(root, 'test/runtimes'), loader: 'ts' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    conditions: ['workerd', 'worker'],
    external: ['cloudflare:sockets', 'pg-native'],
    // Packages in CommonJS `require` modules of Node.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire('file:///');" },
    outfile: join(folder, 'worker.js'),
    logLevel: 'error',
  })
  writeFileSync(join(folder, 'config.capnp'), configOf(store, objects))
  const args = ['serve', join(folder, 'config.capnp'), '--control-fd=3']
  const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] })
  const exited = once(child, 'exit')
  let said = ''
  for (const stream of [child.stdout, child.stderr] as Readable[]) stream.on('data', (text) => (said += text))
  const stop = async () => {
    child.kill('SIGKILL')
    await exited
    rmSync(folder, { recursive: true, force: true })
  }
  const listening = once(createInterface(child.stdio[3] as Readable), 'line') as Promise<[string]>
  const line = await Promise.race([listening, exited.then(() => undefined)])
  if (line === undefined) {
    await stop()
    throw new Error(`workerd did not start: ${said}`)
  }
  return { url: `http://127.0.0.1:${JSON.parse(line[0]).port}`, stop }
}

function configOf(store: string, objects: readonly string[]): string {
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "internet", network = (allow = ["public", "private", "local"]))
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
);

const worker :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "worker.js")],
  compatibilityDate = "2026-11-01",
  durableObjectNamespaces = [${objects.map((name) => `(className = "${name}", uniqueKey = "${name}")`).join()}],
  durableObjectStorage = (inMemory = void),
  bindings = [
    ${objects.map((name) => `(name = "${name}", durableObjectNamespace = "${name}"),`).join('')}
    (name = "STORE", text = ${JSON.stringify(store)})
  ]
);
`
}
