import { askConsent } from "./ask.ts";
import { account, command, type Parameter, usageInvalid } from "./command.ts";
import { deployWith, type Network, networkNames } from "./open-chain.ts";

const network: Parameter<Network> = {
  about: `where to: ${networkNames.join(", ")}`,
  placeholder: "name",
  expected: `one of ${networkNames.join(", ")}`,
  parse: (given) => networkNames.find((name) => name === given),
};

function seconds(about: string): Parameter<number> {
  const parse = (given: string) => (/^\d{1,9}$/.test(given) ? Number(given) : undefined);
  return { about, placeholder: "seconds", expected: "whole seconds, at most nine digits", parse };
}

/** `payroot deploy`: puts a distributor on a chain. */
export const deployCommand = command({
  name: "deploy",
  summary: "put a distributor on a chain; without --broadcast only show what it would be",
  options: {
    network,
    admin: account("gives and takes roles: a Safe or a timelock"),
    poster: account("posts epochs"),
    guardian: account("revokes epochs that are not active yet, and pauses"),
    adminDelaySeconds: seconds("before a new admin may accept; two days when left out"),
    activationDelaySeconds: seconds("between posting and activation, for ever; a day when left out"),
    broadcast: { about: "sign and send the transaction" },
    yes: { about: "do not ask before sending" },
  },
  async run(context, given) {
    const { admin, poster, guardian, broadcast, yes } = given;
    if (admin === undefined || poster === undefined || guardian === undefined) {
      throw usageInvalid("A distributor needs its three roles.", {
        facts: { admin, poster, guardian },
        next: "give --admin, --poster and --guardian",
      });
    }
    const deployment = await deployWith(context, {
      network: given.network ?? "local",
      arguments: {
        admin,
        adminDelaySeconds: given.adminDelaySeconds ?? 172_800,
        poster,
        guardian,
        activationDelaySeconds: given.activationDelaySeconds ?? 86_400,
      },
      broadcast,
      confirm: async () => yes || (await askConsent("Deploy with these arguments? They cannot be changed.")),
      print: (line) => context.out.note(line),
    });
    return { deployment: deployment ?? null };
  },
  print: ({ deployment }, out) => {
    if (deployment === null) out.line("nothing was sent");
    else out.line(`set CHAIN_ID=${deployment.chainId} and DISTRIBUTOR_ADDRESS=${deployment.distributor}`);
  },
});
