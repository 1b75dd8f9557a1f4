// AviaryWast runs the specification's test scripts (`.wast`) through the public API.
//
//   ScriptRunner      one script: commands in order, a result for each
//   ScriptModules     a script's modules: encode, compile, instantiate, or why not
//   ValueMatching     arguments and result patterns
//   Spectest          the host module that scripts import
//   KnownFailures     the reviewed list of what does not pass yet
//   Suite             a folder of scripts with its groups, and the summary
//
// A module that the compiler does not support yet makes the commands that would execute it
// "skipped"; what scripts say of malformed, invalid and unlinkable modules counts all the same.
