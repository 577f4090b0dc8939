import type { Once } from '../../core/once.ts'
import { OnlyonceExceptionFilter } from './filter.ts'
import { IdempotencyInterceptor } from './interceptor.ts'
import type { NestDynamicModule, NestRequest, OnlyonceModuleOptions } from './shapes.ts'

/** The token that the engine is injected by: `@Inject(ONCE) once: Once`. */
export const ONCE: unique symbol = Symbol.for('onlyonce.nestjs.once')
const OPTIONS: unique symbol = Symbol.for('onlyonce.nestjs.options')

// The names under which Nest takes enhancers of the whole application from a module.
const APP_INTERCEPTOR = 'APP_INTERCEPTOR'
const APP_FILTER = 'APP_FILTER'

export interface OnlyonceModuleAsyncOptions<Request extends NestRequest, Tx> {
  /** Modules that export what is injected. */
  readonly imports?: readonly unknown[]
  /** Tokens of what `useFactory` is called with, in their order. */
  readonly inject?: readonly unknown[]
  readonly useFactory: (
    ...args: never[]
  ) => OnlyonceModuleOptions<Request, Tx> | Promise<OnlyonceModuleOptions<Request, Tx>>
}

/** Puts the interceptor and the exception filter into an application, and the engine under the token `ONCE`. */
// biome-ignore lint/complexity/noStaticOnlyClass: it is what Nest calls a module
export class OnlyonceModule {
  /** @throws OnlyonceError OPTION_INVALID when the application starts */
  static forRoot<Request extends NestRequest, Tx = never>(
    options: OnlyonceModuleOptions<Request, Tx>,
  ): NestDynamicModule {
    return OnlyonceModule.forRootAsync<Request, Tx>({ useFactory: () => options })
  }

  /** As `forRoot`, with options that other providers are needed for. */
  static forRootAsync<Request extends NestRequest, Tx = never>({
    imports = [],
    inject = [],
    useFactory,
  }: OnlyonceModuleAsyncOptions<Request, Tx>): NestDynamicModule {
    const made = <T>(provide: unknown, make: (options: OnlyonceModuleOptions) => T) => ({
      provide,
      useFactory: make,
      inject: [OPTIONS],
    })
    return {
      module: OnlyonceModule,
      global: true,
      imports: imports as never[],
      providers: [
        { provide: OPTIONS, useFactory, inject },
        made(ONCE, ({ once }): Once<never> => once),
        made(IdempotencyInterceptor, (options) => new IdempotencyInterceptor(options)),
        { provide: APP_INTERCEPTOR, useExisting: IdempotencyInterceptor },
        made(APP_FILTER, ({ header, docs }) => new OnlyonceExceptionFilter({ header, docs })),
      ] as never[],
      exports: [ONCE],
    }
  }
}
