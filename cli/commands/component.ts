/** `okcm stop|start COMPONENT`: take one part of a running installation away, and bring it back. */
import type { Command } from 'commander';
import { contextOf } from '../context.ts';
import { homePaths } from '../home/paths.ts';
import { sendControl } from '../supervisor/control.ts';

export function registerComponentCommands(program: Command): void {
  for (const action of ['stop', 'start'] as const) {
    program
      .command(`${action} <component>`)
      .description(
        action === 'stop'
          ? 'stop one component (cmk, broker, eu-west-1/core, …); it stays down until it is started'
          : 'start a component that was stopped or has failed',
      )
      .action(async (component: string, _options: unknown, command: Command) => {
        const { home, output } = contextOf(command);
        const startedAt = performance.now();
        await sendControl(homePaths(home), { action, component });
        const tookMs = Math.round(performance.now() - startedAt);
        output.result(
          { component, action, tookMs },
          () => `${component}: ${action === 'stop' ? 'stopped' : 'up'} (${tookMs} ms)`,
        );
      });
  }
}
