#!/usr/bin/env node
import { EXIT } from './exit.ts'
import type { Io } from './io.ts'
import { run } from './run.ts'

const { stdin, stdout, stderr, env, argv } = process

const io: Io = {
  stdout,
  stderr,
  env,
  isTTY: { stdin: stdin.isTTY === true, stdout: stdout.isTTY === true, stderr: stderr.isTTY === true },
  ask: async (question) => (await import('./ask.ts')).ask(question, stdin, stderr),
}

// `onlyonce keys ls | head` closes the pipe early, which is no failure.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed)
})
stderr.on('error', () => {})

// The demo ends its own processes first.
if (argv[2] !== 'demo') process.on('SIGINT', () => process.exit(EXIT.interrupted))

// Not `process.exit`, which would cut off output that a pipe has not read yet.
process.exitCode = await run(argv.slice(2), io)
