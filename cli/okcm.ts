#!/usr/bin/env node
/**
 * `okcm`: the one command an operator types. Every command lives in a file of its own under commands/; this one puts
 * them together and turns whatever goes wrong into one line, a hint and an exit code (0 done, 1 failed, 2 misused).
 */
import { Command, CommanderError } from 'commander';
import { actAs } from './access/acting-as.ts';
import { registerAccessCommands } from './commands/access.ts';
import { registerAppCommands } from './commands/app.ts';
import { registerApplyCommand } from './commands/apply.ts';
import { registerApprovalCommands } from './commands/approvals.ts';
import { registerAuditCommands } from './commands/audit.ts';
import { registerComponentCommands } from './commands/component.ts';
import { registerDoctorCommand } from './commands/doctor.ts';
import { registerDriftCommands } from './commands/drift.ts';
import { registerDrillCommands } from './commands/drill.ts';
import { registerHoldCommands } from './commands/hold.ts';
import { registerJobsCommands } from './commands/jobs.ts';
import { registerKeyCommands } from './commands/key.ts';
import { registerKeysCommands } from './commands/keys.ts';
import { registerKeystoreCommands } from './commands/keystore.ts';
import { registerKmipCommands } from './commands/kmip.ts';
import { registerLinkCommands } from './commands/link.ts';
import { registerLoginCommands } from './commands/login.ts';
import { registerNotifyCommands } from './commands/notify.ts';
import { registerPortalCommand } from './commands/portal.ts';
import { registerProposalCommands } from './commands/proposals.ts';
import { registerRegionCommands } from './commands/region.ts';
import { registerRotateCommands } from './commands/rotate.ts';
import { registerSigningKeyCommands } from './commands/signing-key.ts';
import { registerSimulateCommands } from './commands/simulate.ts';
import { registerStatusCommand } from './commands/status.ts';
import { registerSystemCommands } from './commands/system.ts';
import { registerTenantCommands } from './commands/tenant.ts';
import { registerUpCommand } from './commands/up.ts';
import { addGlobalOptions, type GlobalOptions } from './context.ts';
import { CliError, exitCodes } from './errors.ts';
import { hintForHome } from './hints.ts';
import { Output } from './output.ts';

const program = new Command('okcm');
program
  .description(
    'OpenKCM: customers hold their own master keys; data keys are served over KMIP beside the workload',
  )
  // What is misused is told as every other error is, below.
  .configureOutput({ outputError: () => undefined })
  .exitOverride();
addGlobalOptions(program);
registerUpCommand(program);
registerStatusCommand(program);
registerDoctorCommand(program);
registerTenantCommands(program);
registerLinkCommands(program);
registerRotateCommands(program);
registerKeysCommands(program);
registerAppCommands(program);
registerKmipCommands(program);
registerComponentCommands(program);
registerJobsCommands(program);
registerRegionCommands(program);
registerLoginCommands(program);
registerAccessCommands(program);
program.hook('preAction', () => actAs(program.opts<{ as?: string }>().as));
registerProposalCommands(program);
registerApprovalCommands(program);
registerHoldCommands(program);
registerNotifyCommands(program);
registerSystemCommands(program);
registerSimulateCommands(program);
registerDrillCommands(program);
registerAuditCommands(program);
registerKeystoreCommands(program);
registerKeyCommands(program);
registerSigningKeyCommands(program);
registerDriftCommands(program);
registerApplyCommand(program);
registerPortalCommand(program);

function misuseOf(error: unknown): unknown {
  if (!(error instanceof CommanderError)) return error;
  return new CliError('USAGE', error.message.replace(/^error: /, ''));
}

const commands = ['help', ...program.commands.map((command) => command.name())];

// A reader that has seen enough (`okcm … | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(exitCodes.ok);
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError && (error.exitCode === 0 || error.code === 'commander.help'))
    process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  else {
    const { json, home } = program.opts<GlobalOptions>();
    // An option behind the one that was misused has not been read.
    const output = new Output({ json: json || process.argv.includes('--json') });
    process.exitCode = output.failure(misuseOf(error), (hint) => hintForHome(hint, home, commands));
  }
}
