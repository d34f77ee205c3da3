// The suite of the native listener, over servers of Node: every test of it has to pass here too.
process.env['TELEFERRIC_TEST_ENGINE'] = 'node';
await import('../protocol/tls.test.js');
