// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Handler} from "./support/Handler.sol";
import {vm} from "./support/Vm.sol";

/// What holds after every step of any sequence of steps, whoever takes them.
abstract contract Invariants {
    Handler internal handler;

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function invariant_TheBooksAreTrue() external view {
        require(handler.broken() == 0, "a step did what it must not, or not what it must: see broken()");
        for (uint256 i; i < 2; ++i) {
            address asset = handler.assetOf(i);
            (uint256 allocated, uint256 claimed, uint256 until,) = handler.distributor().assets(asset);
            require(claimed <= allocated, "claimed <= declared");
            require(allocated - claimed <= handler.balanceOf(asset), "owed <= held");
            require(handler.paidOut(asset) == claimed, "paid out = claimed");
            require(handler.claimedByAll(asset) == claimed, "claimed by each = claimed");
            require(until <= block.timestamp + 7 days, "a pause ends");
            checkMore(asset, allocated - claimed);
        }
        require(handler.activeStand(), "what was active stands");
    }

    function checkMore(address asset, uint256 owed) internal view virtual;
}

contract HonestInvariants is Invariants {
    function setUp() external {
        vm.warp(1_000_000);
        handler = new Handler(false);
    }

    /// All that any active epoch entitles anyone to can be paid.
    function checkMore(address asset, uint256 owed) internal view override {
        require(handler.outstanding(asset) <= owed, "claimable <= owed");
    }
}

contract HostileInvariants is Invariants {
    function setUp() external {
        vm.warp(1_000_000);
        handler = new Handler(true);
    }

    function checkMore(address, uint256) internal view override {}
}
