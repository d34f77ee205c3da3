#!/usr/bin/env node
// The command `teleferric`; everything it does is in src/cli.
import { runProcess } from '../dist/cli/index.js';

await runProcess();
