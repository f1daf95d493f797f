// The client of the language server. Without vscode-languageclient there are colours only.
"use strict";

const vscode = require("vscode");

let client;

function settings() {
    const said = vscode.workspace.getConfiguration("verifier");
    return { decideOnSave: said.get("decideOnSave"), timeout: said.get("timeout") };
}

async function activate(context) {
    let LanguageClient;
    try {
        ({ LanguageClient } = require("vscode-languageclient/node"));
    } catch (error) {
        vscode.window.showWarningMessage("verifier: run 'npm install' in the extension's folder; until then there are colours only");
        return;
    }
    const [command, ...args] = vscode.workspace.getConfiguration("verifier").get("command");
    client = new LanguageClient("verifier", "verifier", { command, args }, {
        documentSelector: [{ language: "litmus" }],
        initializationOptions: settings(),
    });
    context.subscriptions.push(
        vscode.workspace.onDidChangeConfiguration((event) => {
            if (event.affectsConfiguration("verifier"))
                client.sendNotification("workspace/didChangeConfiguration", { settings: settings() });
        })
    );
    await client.start();
}

function deactivate() {
    return client ? client.stop() : undefined;
}

module.exports = { activate, deactivate };
