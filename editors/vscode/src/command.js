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

/** Say what to do where llmspell is not there: VS Code itself ends a session without a word. Returns whether it is. */
async function isInstalled(folder) {
  const [program] = command(folder);
  if (found(program)) {
    return true;
  }
  const settings = "Open Settings";
  const text = `llmspell: "${program}" is not found. Install it (pip install llmspell), or set "llmspell.python" to an interpreter that has it.`;
  if ((await vscode.window.showErrorMessage(text, settings)) === settings) {
    vscode.commands.executeCommand("workbench.action.openSettings", "llmspell");
  }
  return false;
}

/** Return the options that settings give to every adapter. */
function adapterArgs(folder) {
  return vscode.workspace.getConfiguration("llmspell", folder?.uri).get("adapterArgs", []);
}

function inEnvironment(folder) {
  const file = path.join(folder, ".venv", WINDOWS ? "Scripts" : "bin", WINDOWS ? "llmspell.exe" : "llmspell");
  return isFile(file) ? file : undefined;
}

function found(program) {
  const endings = WINDOWS ? ["", ...(process.env.PATHEXT ?? ".EXE").split(path.delimiter)] : [""];
  const folders = path.basename(program) === program ? (process.env.PATH ?? "").split(path.delimiter) : [""];
  return folders.some((folder) => endings.some((ending) => isFile(path.join(folder, program + ending))));
}

function isFile(file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.isFile() === true;
}

module.exports = { adapterArgs, command, isInstalled };
