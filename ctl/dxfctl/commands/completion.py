"""`dxfctl completion`: the shell code that completes verbs, options and live job numbers. Needs no daemon."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from dxfctl import exits
from dxfctl.invocation import Invocation
from dxfctl.options import Verb
from dxfctl.render import output


@click.command("completion", cls=Verb)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> int:
    """Print the completion code for a shell.

    \b
    bash:  dxfctl completion bash > ~/.local/share/bash-completion/completions/dxfctl
    zsh:   dxfctl completion zsh > ~/.zfunc/_dxfctl      (with ~/.zfunc in fpath)
    fish:  dxfctl completion fish > ~/.config/fish/completions/dxfctl.fish
    """  # noqa: D301  (\b is click's mark for a paragraph that is not rewrapped)
    kind = get_completion_class(shell)
    if kind is None:  # click knows the three of the choice
        raise click.UsageError(f"there is no completion for {shell}")
    source = kind(ctx.find_root().command, {}, "dxfctl", "_DXFCTL_COMPLETE").source_vars()
    text = kind.source_template % source
    invocation = ctx.ensure_object(Invocation)
    if invocation.json:
        output.document(invocation, {"shell": shell, "source": text})
    else:
        output.say(invocation, text)
    return exits.DONE
