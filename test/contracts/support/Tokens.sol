// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;


/// A plain token; the others differ from it in one way each.
contract Token {
    mapping(address => uint256) internal _balances;

    function balanceOf(address who) public view virtual returns (uint256) {
        return _balances[who];
    }

    function mint(address to, uint256 amount) external {
        _balances[to] += amount;
    }

    function transfer(address to, uint256 amount) external virtual returns (bool) {
        return _move(msg.sender, to, amount);
    }

    /// Anyone may move anyone's: enough for tests of what the distributor does.
    function transferFrom(address from, address to, uint256 amount) external virtual returns (bool) {
        return _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) internal virtual returns (bool) {
        _balances[from] -= amount;
        _balances[to] += amount;
        return true;
    }
}

/// Keeps one part in ten of every transfer.
contract FeeToken is Token {
    function _move(address from, address to, uint256 amount) internal override returns (bool) {
        _balances[from] -= amount;
        _balances[to] += amount - amount / 10;
        return true;
    }
}

/// All balances shrink to so many percent.
contract RebasingToken is Token {
    uint256 private _percent = 100;

    function rebase(uint256 percent) external {
        _percent = percent;
    }

    function balanceOf(address who) public view override returns (uint256) {
        return _balances[who] * _percent / 100;
    }

    function _move(address from, address to, uint256 amount) internal override returns (bool) {
        require(balanceOf(from) >= amount, "balance");
        return super._move(from, to, amount * 100 / _percent);
    }
}

/// Returns nothing, as some old tokens do.
contract SilentToken {
    mapping(address => uint256) public balanceOf;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function transfer(address to, uint256 amount) external {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
    }

    function transferFrom(address from, address to, uint256 amount) external {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// Answers every transfer with what it was told, and moves only when `moves`.
contract ScriptedToken is Token {
    bytes public answer;
    bool public moves;

    function script(bytes calldata answer_, bool moves_) external {
        (answer, moves) = (answer_, moves_);
    }

    function _move(address from, address to, uint256 amount) internal override returns (bool) {
        if (moves) super._move(from, to, amount);
        bytes memory data = answer;
        assembly {
            return(add(data, 32), mload(data))
        }
    }
}

/// Refuses to pay those on its list.
contract BlacklistToken is Token {
    mapping(address => bool) public blacklisted;

    function blacklist(address who) external {
        blacklisted[who] = true;
    }

    function _move(address from, address to, uint256 amount) internal override returns (bool) {
        require(!blacklisted[to], "blacklisted");
        return super._move(from, to, amount);
    }
}

/// Burns all the gas it is given, or returns a megabyte.
contract BurningToken is Token {
    bool public bomb;

    function useBomb() external {
        bomb = true;
    }

    function _move(address, address, uint256) internal view override returns (bool) {
        if (bomb) {
            assembly {
                return(0, 0x100000)
            }
        }
        assembly {
            invalid()
        }
    }
}

/// Calls back into whatever it was told during a transfer, ERC-777-like, before it moves anything.
contract ReentrantToken is Token {
    address private _target;
    bytes private _call;
    bool public tried;
    bool public succeeded;
    bytes public answer;

    function arm(address target, bytes calldata call_) external {
        (_target, _call) = (target, call_);
    }

    function _move(address from, address to, uint256 amount) internal override returns (bool) {
        if (_target != address(0)) {
            tried = true;
            (succeeded, answer) = _target.call(_call);
        }
        return super._move(from, to, amount);
    }
}
