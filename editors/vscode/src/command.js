// How llmspell is started: by settings, by the `.venv` of a workspace folder, by the PATH.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const vscode = require("vscode");

const WINDOWS = process.platform === "win32";

/** Return the words that start llmspell for a workspace folder, or for none. */
function command(folder) {
  const settings = vscode.workspace.getConfiguration("llmspell", folder?.uri);
  const words = settings.get("command", []);
  if (words.length > 0) {
    return words;
  }
  const python = settings.get("python", "");
  if (python !== "") {
    return [python, "-m", "llmspell"];
  }
  const inside = folder === undefined ? undefined : inEnvironment(folder.uri.fsPath);
  return [inside ?? "llmspell"];
}

/** Return the options that settings give to every adapter. */
function adapterArgs(folder) {
  return vscode.workspace.getConfiguration("llmspell", folder?.uri).get("adapterArgs", []);
}

function inEnvironment(folder) {
  const file = path.join(folder, ".venv", WINDOWS ? "Scripts" : "bin", WINDOWS ? "llmspell.exe" : "llmspell");
  return fs.existsSync(file) ? file : undefined;
}

module.exports = { adapterArgs, command };
