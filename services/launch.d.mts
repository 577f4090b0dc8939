export type Kind =
  | 'redis'
  | 'redis-aof'
  | 'redis-cluster'
  | 'redis-sentinel'
  | 'postgres'
  | 'pgbouncer'
  | 'mysql'
  | 'rabbitmq'
  | 'nats'
  | 'kafka'
  | 'rocketmq'

export interface LaunchOptions {
  /** More arguments for every server process of the kind, as on its command line. */
  readonly args?: readonly string[]
}

export type RestartMode = 'fast' | 'immediate'

export interface ServerProcess {
  readonly name: string
  /** Of this one process; `undefined` where a single process has no use of its own (a sentinel). */
  readonly url: string
  readonly port: number
  /** Of the process that runs now; changes with a restart. */
  readonly pid: number
  /** Default `SIGKILL`. Resolves when the process is gone (`SIGKILL`, `SIGTERM`, `SIGINT`, `SIGQUIT`), else at once. */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** `SIGSTOP`: it keeps its connections and answers nothing. */
  pause(): void
  resume(): void
  /** Starts it again on the same port and data, also after `kill`. `fast` (default) ends it in order, `immediate` does not. */
  restart(mode?: RestartMode): Promise<void>
}

export interface Service {
  readonly kind: Kind
  readonly url: string
  readonly processes: readonly ServerProcess[]
  /** Every process of it, one after the other. */
  restart(mode?: RestartMode): Promise<void>
  /** Ends the processes and removes their data. Idempotent. */
  stop(): Promise<void>
}

/** A launched service, and what another process needs to know to end it. */
export interface LaunchedService extends Service {
  readonly dir: string
  /** What the servers need besides themselves (a port mapper, a name server). A restart leaves them alone. */
  readonly helpers: readonly ServerProcess[]
  /** From now on it outlives this process; whoever asks for it has noted the pids before. Not after a restart. */
  keep(): Promise<void>
}

export const KINDS: readonly Kind[]

/** The variable whose URL is used in place of a server of our own: `ONLYONCE_TEST_REDIS_CLUSTER_URL`. */
export function variableOf(kind: Kind): string

/**
 * Gets what a kind is made of, without starting it.
 * @throws MissingServer naming what is not installed, and how to get it
 */
export function requireServer(kind: Kind): Promise<void>

/**
 * Starts a private server on a free port of 127.0.0.1 with a data folder of its own. It ends with this process, however
 * that ends, unless it is kept.
 * @throws MissingServer naming what is not installed, and how to get it
 */
export function launch(kind: Kind, options?: LaunchOptions): Promise<LaunchedService>

/** Copies the logs of a service to where they survive it, and answers the folder. */
export function keepLogs(kind: Kind, dir: string): string

/** The server is not installed and could not be. */
export class MissingServer extends Error {}
