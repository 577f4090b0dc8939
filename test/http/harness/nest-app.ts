import 'reflect-metadata'
import * as nest from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { onTestFinished } from 'vitest'
import type { OnlyonceModuleOptions } from '../../../src/http/nestjs/index.ts'
import { newOnce } from './shop.ts'

export class CatchAll {}
nest.Catch()(CatchAll)

type Method = (...args: never[]) => unknown

/** vitest leaves decorators to others; they are functions, and called as such. */
export function controller(
  path: string,
  methods: Readonly<Record<string, readonly [Method, ...MethodDecorator[]]>>,
  ...decorators: readonly ClassDecorator[]
): new () => object {
  class Routes {}
  for (const [name, [value, ...marks]] of Object.entries(methods)) {
    const descriptor = { value, configurable: true, writable: true }
    Object.defineProperty(Routes.prototype, name, descriptor)
    for (const decorate of [nest.Post(name), ...marks]) decorate(Routes.prototype, name, descriptor)
  }
  for (const decorate of [nest.Controller(path), ...decorators]) decorate(Routes)
  return Routes
}

export async function serve(
  platform: string,
  imports: unknown[],
  controllers: (new () => object)[],
  prepare: (app: nest.INestApplication) => void = () => {},
) {
  class AppModule {}
  nest.Module({ imports: imports as never, controllers })(AppModule)
  const settings = { logger: false, forceCloseConnections: true } as const
  const app =
    platform === 'express'
      ? await NestFactory.create(AppModule, settings)
      : await NestFactory.create(AppModule, new FastifyAdapter({ forceCloseConnections: true }) as never, settings)
  prepare(app)
  await app.listen(0, '127.0.0.1')
  onTestFinished(() => app.close())
  return { app, url: (await app.getUrl()).replace(/\/$/, '') }
}

export const options = (): OnlyonceModuleOptions => ({ once: newOnce(), scope: 'public' })
