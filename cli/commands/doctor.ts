/** `okcm doctor`: what is wrong with an installation, or with one component's configuration, and the command that mends it. */
import type { Command } from 'commander';
import { contextOf } from '../context.ts';
import { exitCodes } from '../errors.ts';

interface DoctorOptions {
  readonly config?: string;
  readonly operator?: string;
  readonly all?: boolean;
}

export function registerDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('what is wrong, why it matters, and the command that mends it; changes nothing')
    .option('--config <file>', 'one component, by its configuration file: of CMK, a core or a gateway')
    .option('--operator <file>', 'for a core: the admin listener to ask whose shares it has')
    .option('--all', 'also tell line by line what is in order')
    .action(async ({ config, operator, all = false }: DoctorOptions, command: Command) => {
      const { home, output } = contextOf(command);
      // Half of the programs' code is behind it: only who asks for it waits for that.
      const [{ examine }, { describeReport, reportOf }] = await Promise.all([
        import('../doctor/doctor.ts'),
        import('../doctor/report.ts'),
      ]);
      const startedAt = performance.now();
      const outcomes = await examine(config === undefined ? { home } : { config, operator });
      const report = reportOf(outcomes, performance.now() - startedAt);
      output.result(report, () => describeReport(report, outcomes, all));
      const code = report.state === 'broken' ? exitCodes.failure : exitCodes.ok;
      // A check that hangs would keep the process alive: what it waits for is nobody's any more.
      process.stdout.write('', () => process.exit(code));
    });
}
